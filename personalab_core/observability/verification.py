"""Whether records are as they were written, and what they speak of is as it was stored.

A chain shows every changed, removed, inserted or reordered line. It cannot show that whole
lines were cut off at the end: compare the number and hash of the last line with a note kept
elsewhere (an evidence bundle is one).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import orjson

from personalab_core.config.atomic_files import workspace_errors
from personalab_core.observability.chain import ChainReport, Link, check_line, link_of
from personalab_core.observability.line_files import torn_pieces

Root = Literal["output", "references"]
"""Which folder of the workspace a path in a record is relative to."""


@dataclass(frozen=True, slots=True)
class JournalReport:
    """One file of records.

    Attributes:
        name: As the person who asked knows it.
        chain: What checking every line found.
        head: Number and hash of the last line.
        torn: Unfinished lines that a crash has left and that were set aside, one sentence each.
    """

    name: str
    chain: ChainReport
    head: Link
    torn: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AssetProblem:
    """A picture or video that is not what a record says. ``where`` names the file and line of the record."""

    path: str
    where: str
    problem: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What was checked, and what is wrong."""

    journals: tuple[JournalReport, ...]
    n_assets: int
    asset_problems: tuple[AssetProblem, ...] = ()
    other_problems: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong; lines that were set aside as unfinished are told, and are no fault."""
        return all(j.chain.ok for j in self.journals) and not self.asset_problems and not self.other_problems


@dataclass(frozen=True, slots=True)
class AssetClaim:
    """A record says that the file at ``path`` has this hash."""

    root: Root
    path: str
    sha256: str
    where: str = field(compare=False)


ReadAsset = Callable[[AssetClaim], bytes | None]
"""Returns a file's bytes, ``None`` if it is not there."""


def scan(name: str, lines: Iterable[bytes], torn: tuple[str, ...] = ()) -> tuple[JournalReport, list[AssetClaim]]:
    """Return what checking every line of a file of records finds, and what its records say about assets.

    Args:
        name: What reports call the file.
        lines: As a binary file yields them, each with its end.
        torn: What is told about pieces that were set aside.
    """
    link, n, bad_line, problem = Link(), 0, None, None
    claims: dict[AssetClaim, None] = {}
    for n, line in enumerate(lines, start=1):
        data = line.removesuffix(b"\n")
        if bad_line is None:
            problem = check_line(data, link) if data is not line else "it is cut off"
            bad_line = n if problem else None
        link = link_of(data) or link
        claims |= dict.fromkeys(_claims_of(data, f"{name}, line {n}"))
    return JournalReport(name, ChainReport(bad_line is None, bad_line, problem, n), link, torn), list(claims)


def in_force(claims: Iterable[AssetClaim]) -> tuple[AssetClaim, ...]:
    """Return the different claims, in order. Of a reference picture that was made anew the last one counts.

    Reference pictures keep their name when another takes their place; files in the output folder never do.
    """
    newest: dict[object, AssetClaim] = {}
    for claim in claims:
        newest[(claim.root, claim.path) if claim.root == "references" else claim] = claim
    return tuple(newest.values())


def check_assets(claims: Iterable[AssetClaim], read: ReadAsset) -> tuple[int, tuple[AssetProblem, ...]]:
    """Return how many different files are claimed, and those that are missing or changed."""
    problems = []
    distinct = in_force(claims)
    for claim in distinct:
        data = read(claim)
        if data is None:
            problems.append(AssetProblem(claim.path, claim.where, "it is missing"))
        elif hashlib.sha256(data).hexdigest() != claim.sha256:
            problems.append(AssetProblem(claim.path, claim.where, "its content does not fit the hash in the record"))
    return len(distinct), tuple(problems)


def journal_files(output: Path, references: Path, drift: Path, persona: str | None = None) -> list[Path]:
    """Return every file of records of a workspace, or of one persona, in a fixed order.

    The account book of provider calls speaks of all personas and belongs to the whole workspace only.
    """
    if persona is None:
        found = {path for root in (output, references, drift) for path in root.rglob("*.jsonl")}
        return sorted(found)
    patterns = (
        (output / persona, "**/*.jsonl"),
        (references / persona, "**/*.jsonl"),
        (drift, f"{persona}_drift*.jsonl"),
    )
    return [path for folder, pattern in patterns for path in sorted(folder.glob(pattern))]


def verify_workspace(output: Path, references: Path, drift: Path, persona: str | None = None) -> Verification:
    """Check the chains of a workspace, or of one persona, and the hash of every asset they speak of.

    Raises:
        WorkspaceError: A file is there but cannot be read.
    """
    roots: dict[Root, Path] = {"output": output, "references": references}
    reports: list[JournalReport] = []
    claims: list[AssetClaim] = []
    for path in journal_files(output, references, drift, persona):
        with workspace_errors("read", path), path.open("rb") as lines:
            torn = tuple(
                f"{piece.name}: an unfinished line of {piece.stat().st_size:,} bytes was set aside after a crash"
                for piece in torn_pieces(path)
            )
            report, claimed = scan(str(path), lines, torn)
        reports.append(report)
        claims += claimed

    def read(claim: AssetClaim) -> bytes | None:
        path = roots[claim.root] / claim.path
        with workspace_errors("read", path):
            return path.read_bytes() if path.is_file() else None

    n_assets, problems = check_assets(claims, read)
    return Verification(tuple(reports), n_assets, problems)


def _claims_of(line: bytes, where: str) -> Iterator[AssetClaim]:
    try:
        fields: dict[str, Any] = orjson.loads(line)
    except orjson.JSONDecodeError:
        return
    if not isinstance(fields, dict):
        return
    kind = fields.get("kind")
    if kind in {"attempt", "asset"}:
        yield from _claim("output", fields.get("image_path"), fields.get("image_sha256"), where)
        video = fields.get("video") or fields
        yield from _claim("output", video.get("video_path"), video.get("video_sha256"), where)
    elif kind in {"anchor_candidate", "anchor_selected"}:
        yield from _claim("references", fields.get("path"), fields.get("image_sha256"), where)


def _claim(root: Root, path: object, sha256: object, where: str) -> Iterator[AssetClaim]:
    if isinstance(path, str) and isinstance(sha256, str):
        yield AssetClaim(root, path, sha256, where)
