"""Verification names the first thing that is wrong, in the workspace and in a bundle that has left it."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from personalab_core.errors import InputError
from personalab_core.observability import Journal
from personalab_core.observability.evidence import EvidenceSources, export_evidence, verify_evidence
from personalab_core.observability.verification import verify_workspace
from personalab_core.schemas import AnchorRecord, AttemptRecord
from tests.support.fakes import tiny_png
from tests.support.records import make_attempt

NOW = datetime(2026, 11, 22, tzinfo=UTC)
PNG = tiny_png(77)


@pytest.fixture
def sources(tmp_path: Path) -> EvidenceSources:
    """A workspace with five attempts and one picture."""
    output = tmp_path / "out"
    picture = output / "daniperez" / "images" / "a0.png"
    picture.parent.mkdir(parents=True)
    picture.write_bytes(PNG)
    journal = Journal(output / "daniperez" / "metrics.jsonl", AttemptRecord)
    for number in range(5):
        shown = {"image_path": "daniperez/images/a0.png", "image_sha256": hashlib.sha256(PNG).hexdigest()}
        journal.append(make_attempt(attempt_id=f"a{number}", **(shown if number == 0 else {})))
    return EvidenceSources(
        output=output,
        references=tmp_path / "references",
        drift=output / "drift",
        configuration={"profile": "simulated"},
        models={"pack": "none"},
    )


def log(sources: EvidenceSources) -> Path:
    return sources.output / "daniperez" / "metrics.jsonl"


def rewrite(sources: EvidenceSources, change: Callable[[list[bytes]], list[bytes]]) -> None:
    lines = log(sources).read_bytes().splitlines(keepends=True)
    log(sources).write_bytes(b"".join(change(lines)))


def first_problem(sources: EvidenceSources) -> tuple[int | None, str | None]:
    (report,) = verify_workspace(sources.output, sources.references, sources.drift).journals
    return report.chain.first_bad_line, report.chain.problem


def test_an_untouched_workspace_is_unbroken(sources: EvidenceSources) -> None:
    found = verify_workspace(sources.output, sources.references, sources.drift)
    assert (found.ok, found.n_assets, found.journals[0].chain.n) == (True, 1, 5)
    assert found.journals[0].head.sequence_number == 5


@pytest.mark.parametrize(
    ("change", "line", "problem"),
    [
        (lambda lines: [*lines[:2], lines[2].replace(b"0.62", b"0.92"), *lines[3:]], 3, "does not fit its hash"),
        (lambda lines: [*lines[:2], *lines[3:]], 3, "its number is 4, expected 3"),
        (lambda lines: [*lines[:3], lines[1], *lines[3:]], 4, "its number is 2, expected 4"),
        (lambda lines: [lines[0], lines[2], lines[1], *lines[3:]], 2, "its number is 3, expected 2"),
        (lambda lines: [*lines[:4], lines[4][:-30]], 5, "it is cut off"),
        (lambda lines: [*lines[:1], b"\n", *lines[1:]], 2, "not valid JSON"),
    ],
    ids=["changed", "removed", "inserted", "reordered", "cut", "empty line"],
)
def test_the_first_wrong_line_is_named(
    sources: EvidenceSources, change: Callable[[list[bytes]], list[bytes]], line: int, problem: str
) -> None:
    rewrite(sources, change)
    found = first_problem(sources)
    assert found[0] == line
    assert found[1] is not None
    assert problem in found[1]


def test_a_picture_that_was_changed_or_removed_is_named(sources: EvidenceSources) -> None:
    picture = sources.output / "daniperez" / "images" / "a0.png"
    picture.write_bytes(tiny_png(78))
    found = verify_workspace(sources.output, sources.references, sources.drift)
    assert [(p.path, p.problem) for p in found.asset_problems] == [
        ("daniperez/images/a0.png", "its content does not fit the hash in the record")
    ]
    assert found.asset_problems[0].where.endswith("metrics.jsonl, line 1")
    assert not found.ok
    picture.unlink()
    found = verify_workspace(sources.output, sources.references, sources.drift)
    assert [problem.problem for problem in found.asset_problems] == ["it is missing"]


def test_of_a_reference_picture_that_was_made_anew_the_last_one_counts(sources: EvidenceSources) -> None:
    picture = sources.references / "daniperez" / "anchors" / "smile.png"
    picture.parent.mkdir(parents=True)
    anchors = Journal(picture.parent / "anchors.jsonl", AnchorRecord)
    for shade in (1, 2):
        picture.write_bytes(tiny_png(shade))
        record = AnchorRecord(
            kind="anchor_candidate",
            timestamp=NOW,
            persona="daniperez",
            anchor_kind="smile",
            path="daniperez/anchors/smile.png",
            image_sha256=hashlib.sha256(tiny_png(shade)).hexdigest(),
        )
        anchors.append(record)
    assert verify_workspace(sources.output, sources.references, sources.drift).ok
    picture.write_bytes(tiny_png(1))
    assert not verify_workspace(sources.output, sources.references, sources.drift).ok


def test_a_piece_that_was_set_aside_is_told_and_no_fault(sources: EvidenceSources) -> None:
    with log(sources).open("ab") as file:
        file.write(b'{"torn')
    Journal(log(sources), AttemptRecord).append(make_attempt(attempt_id="after"))
    found = verify_workspace(sources.output, sources.references, sources.drift)
    assert found.ok
    assert found.journals[0].torn == (
        "metrics.jsonl.torn-1: an unfinished line of 6 bytes was set aside after a crash",
    )


def test_a_bundle_verifies_where_the_workspace_is_not(sources: EvidenceSources, tmp_path: Path) -> None:
    evidence = export_evidence(sources, tmp_path / "elsewhere" / "e.zip", now=NOW)
    assert (evidence.n_records, evidence.n_assets, evidence.missing) == (5, 1, ())
    assert evidence.sha256 == hashlib.sha256(evidence.path.read_bytes()).hexdigest()
    (sources.output / "daniperez" / "images" / "a0.png").unlink()
    log(sources).unlink()
    found = verify_evidence(evidence.path)
    assert (found.ok, found.n_assets, found.journals[0].chain.n) == (True, 1, 5)
    with zipfile.ZipFile(evidence.path) as bundle:
        assert f"assets/{hashlib.sha256(PNG).hexdigest()}.png" in bundle.namelist()
        models = json.loads(bundle.read("models.json"))
        assert [(i["name"], i["pack_hash"]) for i in models["instruments"]] == [("arcface", "0123456789abcdef")]
        assert json.loads(bundle.read("configuration.json")) == {"profile": "simulated"}
        sums = bundle.read("SHA256SUMS").decode().splitlines()
    assert len(sums) == len(zipfile.ZipFile(evidence.path).namelist()) - 1


def test_equal_workspaces_give_equal_bundles(sources: EvidenceSources, tmp_path: Path) -> None:
    first = export_evidence(sources, tmp_path / "1.zip", now=NOW)
    assert export_evidence(sources, tmp_path / "2.zip", now=NOW).sha256 == first.sha256


def forge(path: Path, change: Callable[[str, bytes], bytes | None], extra: dict[str, bytes] | None = None) -> None:
    """Write a bundle anew with members changed, or left out where the change is ``None``."""
    with zipfile.ZipFile(path) as bundle:
        members = {name: bundle.read(name) for name in bundle.namelist()}
    with zipfile.ZipFile(path, "w") as bundle:
        for name, data in {**members, **(extra or {})}.items():
            if (changed := change(name, data)) is not None:
                bundle.writestr(name, changed)


@pytest.mark.parametrize(
    ("change", "extra", "sentence"),
    [
        (lambda n, d: d.replace(b"0.62", b"0.92") if n.endswith("metrics.jsonl") else d, {}, "was changed"),
        (lambda n, d: None if n.startswith("assets/") else d, {}, "is missing"),
        (lambda n, d: d, {"assets/more.png": b"x"}, "is not listed"),
    ],
    ids=["changed", "removed", "added"],
)
def test_a_forged_bundle_is_found_out(
    sources: EvidenceSources,
    tmp_path: Path,
    change: Callable[[str, bytes], bytes | None],
    extra: dict[str, bytes],
    sentence: str,
) -> None:
    evidence = export_evidence(sources, tmp_path / "e.zip", now=NOW)
    forge(evidence.path, change, extra)
    found = verify_evidence(evidence.path)
    assert not found.ok
    assert any(sentence in problem for problem in found.other_problems)


def test_what_was_missing_already_stays_named(sources: EvidenceSources, tmp_path: Path) -> None:
    (sources.output / "daniperez" / "images" / "a0.png").unlink()
    evidence = export_evidence(sources, tmp_path / "e.zip", now=NOW)
    assert evidence.missing == ("daniperez/images/a0.png",)
    assert [problem.problem for problem in verify_evidence(evidence.path).asset_problems] == ["it is missing"]


def test_something_else_is_no_bundle(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"not a zip")
    with pytest.raises(InputError, match="not an evidence bundle"):
        verify_evidence(tmp_path / "x.zip")


def test_without_records_there_is_no_evidence(sources: EvidenceSources, tmp_path: Path) -> None:
    log(sources).unlink()
    with pytest.raises(InputError, match="no record"):
        export_evidence(sources, tmp_path / "e.zip", now=NOW)
    assert not (tmp_path / "e.zip").exists()
