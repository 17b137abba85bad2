"""Are these pictures the same person? Made by any tool; nothing is generated.

    python examples/measure_pictures.py ANCHOR PICTURE [PICTURE ...] [--backend dlib]

``arcface`` with the bundled models (the default here) knows simulated portraits only. For photographs:
``pip install dlib-bin face_recognition_models``, and ``--backend dlib``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from personalab_core import IdentityPolicy, build_evaluator, load_config


def main(arguments: list[str] | None = None) -> int:
    """Print a line per picture; 0 if all are accepted, 1 if not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("anchor", type=Path)
    parser.add_argument("pictures", type=Path, nargs="+")
    parser.add_argument("--backend", choices=("arcface", "dlib"), default="arcface")
    options = parser.parse_args(arguments)
    config = load_config(profile="simulated", overrides={"evaluation.embedding.backend": options.backend})
    evaluator = build_evaluator(config.evaluation)
    policy = IdentityPolicy.for_evaluator(evaluator.info, config.evaluation)
    result = evaluator.evaluate(options.anchor, options.pictures)
    verdicts = [policy.decide(candidate) for candidate in result.candidates]
    for candidate, verdict in zip(result.candidates, verdicts, strict=True):
        # None is not measured, never a zero.
        score = "  —" if candidate.composite_score is None else f"{candidate.composite_score:.2f}"
        print(f"{score}  {verdict.decision:<13} {Path(candidate.path).name}: {verdict.sentence}")
    return 0 if all(verdict.decision == "accept" for verdict in verdicts) else 1


if __name__ == "__main__":
    raise SystemExit(main())
