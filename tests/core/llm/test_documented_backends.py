"""The backend and the recogniser of docs/providers.md, run as they stand there."""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from typer.testing import CliRunner

from personalab_core.cli import app
from personalab_core.errors import CapabilityError
from personalab_core.identity import IdentityEvaluator
from personalab_core.llm import ImagePart, LLMClient, create_client, provider_of
from personalab_core.observability import GenerationMetricsLogger
from personalab_core.schemas import Decision, ImagePrompt, Reason
from tests.support.documented import documented_config, examples, run_example
from tests.support.fakes import tiny_png
from tests.support.loop_fakes import PERSONA, LoopBench


class Studio:
    """A vendor's SDK: draws the brightness that it was told."""

    def __init__(self, key: str | None = None) -> None:
        self.key = key
        self.asked: list[Any] = []

    def write(self, prompt: str, schema: Any) -> tuple[Any, str]:
        return {"title": prompt}, json.dumps({"title": prompt})

    def draw(self, text: str, references: list[bytes], aspect_ratio: str) -> bytes:
        self.asked.append((text, references, aspect_ratio))
        return tiny_png(len(self.asked))


@pytest.fixture
def names() -> dict[str, Any]:
    """What the Python examples define, in the order of the page."""
    scope: dict[str, Any] = {"__name__": "documented", "Studio": Studio}
    for example in ("my_adapter", "create", "my_evaluator"):
        run_example(example, scope)
    return scope


def test_the_adapter_is_a_client(names: dict[str, Any]) -> None:
    client = names["MyAdapter"](Studio())
    assert isinstance(client, LLMClient)
    assert provider_of(client, "image") == "acme"
    with pytest.raises(CapabilityError, match="acme makes no video"):
        client.generate_video(prompt="p", resolution="720p", aspect_ratio="16:9", model_name="m")


def test_adapter_and_evaluator_plug_into_the_orchestrator(names: dict[str, Any], tmp_path: Path) -> None:
    bench = LoopBench(tmp_path)
    anchor = bench.write_anchor()
    studio, similarities = Studio(), iter([None, 0.4, 0.8])
    metrics = GenerationMetricsLogger(bench.output_dir)
    names |= {
        "studio": studio,
        "compare": lambda _anchor, _candidate: next(similarities),
        "references": bench.references_root,
        "output": bench.output_dir,
        "metrics": metrics,
        "prompt": ImagePrompt(subject_description="a woman with dark brown hair"),
    }
    run_example("plugged_in", names)
    assert names["result"].final_score == 0.8
    records = metrics.read_log(PERSONA)
    assert [record.reason for record in records] == [Reason.NO_FACE, Reason.IDENTITY_LOW, Reason.NONE]
    assert [record.decision for record in records][-1] is Decision.ACCEPT
    assert {record.context.provider for record in records} == {"acme"}
    assert all(references == [anchor.read_bytes()] for _, references, _ in studio.asked)
    assert isinstance(names["MyEvaluator"](None), IdentityEvaluator)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: dict[str, Any]) -> Iterator[None]:
    """The package of the page, installed: its metadata on the path, its module importable."""
    project = tomllib.loads(examples()["entry_points"])["project"]
    info = tmp_path / "site" / "acme_personalab-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    points = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in named.items())
        for group, named in project["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("".join(points))
    monkeypatch.syspath_prepend(str(info.parent))
    module = ModuleType("acme_personalab")
    vars(module).update(names)
    monkeypatch.setitem(sys.modules, "acme_personalab", module)
    yield


@pytest.mark.usefixtures("installed")
def test_an_installed_package_is_found_by_its_name(tmp_path: Path) -> None:
    config = documented_config(tmp_path, "acme", ACME_API_KEY="its own key")
    client = create_client(config)
    assert provider_of(client, "image") == "acme"
    own: Any = client.client_for("image")  # type: ignore[attr-defined]
    assert own.studio.key == "its own key"
    parts = ["a portrait", ImagePart(tiny_png(9))]
    assert list(client.generate_image(parts=parts, aspect_ratio="4:5", model_name="m").images) == [tiny_png(1)]
    assert own.studio.asked == [("a portrait", [tiny_png(9)], "4:5")]


@pytest.mark.usefixtures("installed")
def test_the_command_line_uses_it_by_its_name(tmp_path: Path) -> None:
    documented_config(tmp_path, "acme")
    shipped = Path(__file__).resolve().parents[3] / "data" / "personas" / f"{PERSONA}.yml"
    (tmp_path / "personas").mkdir()
    (tmp_path / "personas" / shipped.name).write_bytes(shipped.read_bytes())
    arguments = ["-w", str(tmp_path), "anchors", "generate", PERSONA, "--candidates", "2"]
    result = CliRunner().invoke(app, arguments, env={"ACME_API_KEY": "k"})
    assert "None of 2 candidates shows exactly one measurable face" in result.output  # they are plain grey
    assert "perhaps charged: image by acme" in result.output
    folder = tmp_path / "references" / PERSONA / "anchors" / "candidates"
    assert sorted(path.read_bytes() for path in folder.glob("*.png")) == sorted([tiny_png(1), tiny_png(2)])
