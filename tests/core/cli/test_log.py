"""``personalab log verify`` names the line that somebody touched; what is exported verifies where nothing else is."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner, Result

from personalab_core.cli.entry import app
from personalab_core.config import PersonaStore, data_path
from personalab_core.observability import GenerationMetricsLogger
from personalab_core.observability.chain import forge, link_of
from tests.support.fakes import tiny_png
from tests.support.records import make_attempt

PERSONA = "daniperez"
PNG = tiny_png(77)
Change = Callable[[list[bytes]], list[bytes]]


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A workspace with five attempts, each with a picture."""
    folder = tmp_path / "workspace"
    PersonaStore(folder / "personas").save(PersonaStore(data_path("personas")).get(PERSONA))
    output = folder / "generated_content"
    log = GenerationMetricsLogger(output)
    for number in range(5):
        picture = output / PERSONA / "images" / f"a{number}.png"
        picture.parent.mkdir(parents=True, exist_ok=True)
        picture.write_bytes(PNG)
        path, sha256 = picture.relative_to(output).as_posix(), hashlib.sha256(PNG).hexdigest()
        log.log(make_attempt(attempt_id=f"a{number}", image_path=path, image_sha256=sha256))
    return folder


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def touch(workspace: Path, change: Change) -> None:
    log = workspace / "generated_content" / PERSONA / "metrics.jsonl"
    log.write_bytes(b"".join(line + b"\n" for line in change(log.read_bytes().splitlines())))


def forged(lines: list[bytes], *, after: int, sentence: str) -> bytes:
    """A line that follows line ``after`` (from 1) by number and hashes, as one who knows the format would write it."""
    link = link_of(lines[after - 1])
    assert link is not None
    return forge({**orjson.loads(lines[after]), "sentence": sentence}, link)[0]


CHANGES: dict[str, tuple[Change, int]] = {
    "changed": (lambda ls: [*ls[:2], ls[2].replace(b'"attempt_id":"a2"', b'"attempt_id":"aX"'), *ls[3:]], 3),
    "changed with hashes that fit": (lambda ls: [*ls[:2], forged(ls, after=2, sentence="no"), *ls[3:]], 4),
    "removed": (lambda ls: [*ls[:2], *ls[3:]], 3),
    "removed first": (lambda ls: ls[1:], 1),
    "inserted": (lambda ls: [*ls[:3], ls[1], *ls[3:]], 4),
    "inserted with hashes that fit": (lambda ls: [*ls[:3], forged(ls, after=3, sentence="no"), *ls[3:]], 5),
    "reordered": (lambda ls: [ls[0], ls[2], ls[1], *ls[3:]], 2),
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_first_line_that_is_not_as_it_was_is_named(workspace: Path, name: str) -> None:
    assert run("-w", workspace, "log", "verify").exit_code == 0
    change, line = CHANGES[name]
    touch(workspace, change)
    told = run("-w", workspace, "log", "verify")
    assert told.exit_code == 1
    assert f"line {line}:" in " ".join(told.output.split())
    (report,) = json.loads(run("-w", workspace, "log", "verify", "--json").output)["journals"]
    assert (report["chain"]["ok"], report["chain"]["first_bad_line"]) == (False, line)


def test_a_picture_that_is_not_what_its_record_says_is_named(workspace: Path) -> None:
    (workspace / "generated_content" / PERSONA / "images" / "a3.png").write_bytes(tiny_png(78))
    told = run("-w", workspace, "log", "verify", PERSONA)
    assert told.exit_code == 1
    assert "images/a3.png" in told.output
    assert "line 4" in told.output


def test_a_bundle_verifies_elsewhere(workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = tmp_path / "evidence.zip"
    exported = run("-w", workspace, "log", "export", PERSONA, "--out", bundle)
    assert exported.exit_code == 0
    assert hashlib.sha256(bundle.read_bytes()).hexdigest() in exported.output
    elsewhere = tmp_path / "another machine"
    elsewhere.mkdir()
    shutil.rmtree(workspace)
    monkeypatch.chdir(elsewhere)
    assert run("log", "verify", bundle).exit_code == 0
    with zipfile.ZipFile(bundle, "a") as zipped:
        zipped.writestr("records/output/more.jsonl", b"{}\n")
    told = run("log", "verify", bundle)
    assert told.exit_code == 1
    assert "more.jsonl" in told.output
    assert list(elsewhere.iterdir()) == []
