"""A provider of your own: here a folder into which another program puts its pictures.

    python examples/own_provider.py FOLDER [WORKSPACE]

Each call takes the next picture of the folder; the loop measures it, decides and records, as with any provider.
A real one calls your own server. ``docs/providers.md`` says how a package of yours offers it by name.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from personalab_core import (
    DriftTracker,
    GenerationMetricsLogger,
    GenerationOrchestrator,
    IdentityPolicy,
    ImageGenerator,
    ImagePrompt,
    build_evaluator,
    load_config,
)
from personalab_core.errors import CapabilityError
from personalab_core.llm import LLMImageResponse, LLMTextResponse, LLMVideoResponse


class FolderProvider:
    """Answers requests for pictures with the files of a folder, in the order of their names."""

    provider = "folder"

    def __init__(self, folder: Path) -> None:
        self._files: Iterator[Path] = iter(sorted(p for p in folder.iterdir() if p.suffix in {".png", ".jpg", ".webp"}))

    def generate_image(self, **_request: Any) -> LLMImageResponse:
        """Return the next picture; none is an outcome of the attempt, not an error.

        A real provider uses the request: ``parts`` (texts and reference pictures), ``aspect_ratio``, ``model_name``.
        """
        file = next(self._files, None)
        return LLMImageResponse(images=[file.read_bytes()] if file else ())

    async def generate_image_async(self, **request: Any) -> LLMImageResponse:
        """Do the same inside an event loop."""
        return self.generate_image(**request)

    def generate_text_json(self, **_request: Any) -> LLMTextResponse:
        """Refuse: a folder writes nothing."""
        raise CapabilityError("a folder of pictures has no text", provider=self.provider)

    async def generate_text_json_async(self, **request: Any) -> LLMTextResponse:
        """Refuse, too."""
        return self.generate_text_json(**request)

    def generate_video(self, **_request: Any) -> LLMVideoResponse:
        """Refuse: only pictures are taken."""
        raise CapabilityError("a folder of pictures has no video", provider=self.provider)

    async def generate_video_async(self, **request: Any) -> LLMVideoResponse:
        """Refuse, too."""
        return self.generate_video(**request)


def main(arguments: list[str] | None = None) -> int:
    """Take pictures from the folder until one shows the quickstart's persona; 0 if one did."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("workspace", nargs="?", type=Path, default=Path("workspace"))
    options = parser.parse_args(arguments)
    config = load_config(profile="simulated", workspace=options.workspace)
    orchestrator = GenerationOrchestrator(
        image_generator=ImageGenerator(
            client=FolderProvider(options.folder),
            model_name="whatever made them",
            aspect_ratio="4:5",
            references_root=config.paths.references,
        ),
        evaluator=build_evaluator(config.evaluation),
        policy=IdentityPolicy.from_config(config.evaluation),
        drift_tracker=DriftTracker(log_dir=config.evaluation.drift.log_dir),
        metrics_logger=GenerationMetricsLogger(output_dir=config.paths.output),
        output_dir=config.paths.output,
        references_root=config.paths.references,
    )
    result = orchestrator.run("daniperez", None, ImagePrompt(subject_description="a woman of 23"))
    for attempt in result.attempts:
        print(f"attempt {attempt.attempt}: {attempt.sentence}")
    print(result.sentence)
    return 0 if result.accepted else 1


if __name__ == "__main__":
    raise SystemExit(main())
