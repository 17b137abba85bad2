"""A zip that proves by itself what was made, how it was judged and under which settings.

::

    SHA256SUMS                     of every other member; `sha256sum -c SHA256SUMS` checks it, too
    manifest.json                  what is in it, heads of the chains, where each picture was
    records/output/<file>          the files of records, byte for byte
    records/references/<file>, records/drift/<file>
    assets/<sha256><suffix>        pictures and videos, named by what they contain
    configuration.json             settings in force when it was made, without secrets
    models.json                    the instruments that the records name, and hashes of the models installed
    personas/<id>.yml

It verifies without the workspace, on another machine. It is no signature: whoever can
write a bundle can write another one. Keep its own hash, which making it returns, elsewhere.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

import orjson

from personalab_core.config.atomic_files import workspace_errors
from personalab_core.errors import InputError, WorkspaceError
from personalab_core.observability.line_files import split_lines
from personalab_core.observability.verification import (
    AssetClaim,
    Verification,
    check_assets,
    in_force,
    journal_files,
    scan,
)
from personalab_core.schemas.version import __version__

FORMAT = 1
_SUMS, _MANIFEST = "SHA256SUMS", "manifest.json"
_TIME = (1980, 1, 1, 0, 0, 0)
"""Of every member: equal contents give equal bundles."""


@dataclass(frozen=True, slots=True)
class EvidenceSources:
    """What a bundle is made of.

    Attributes:
        output: The workspace's output folder.
        references: Folder of the anchors.
        drift: Folder of the timelines.
        configuration: Settings in force, plain data without secrets.
        models: Hashes of the models that are installed, plain data.
        personas: Files that define the personas.
        persona: One persona; all of them if ``None``.
    """

    output: Path
    references: Path
    drift: Path
    configuration: Mapping[str, Any]
    models: Mapping[str, Any]
    personas: tuple[Path, ...] = ()
    persona: str | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """A bundle that was written.

    Attributes:
        path: The zip.
        sha256: Of it; to be kept elsewhere.
        n_records: Records in it.
        n_assets: Pictures and videos in it.
        missing: Files that records speak of and that were not there.
    """

    path: Path
    sha256: str
    n_records: int
    n_assets: int
    missing: tuple[str, ...]


def export_evidence(sources: EvidenceSources, path: Path, *, now: datetime) -> Evidence:
    """Write the bundle and return what is in it. Nothing is checked: a broken chain is evidence, too.

    Raises:
        InputError: There is no record.
        WorkspaceError: A file cannot be read, or the bundle cannot be written; nothing is left behind.
    """
    files = journal_files(sources.output, sources.references, sources.drift, sources.persona)
    if not files:
        raise InputError(f"There is no record of {sources.persona or 'any persona'} in {sources.output}.")
    with _written_whole(path) as bundle:
        records = _add_records(bundle, files, sources)
        claims = in_force(records.claims)
        missing = _add_assets(bundle, claims, sources)
        for file in sources.personas:
            bundle.add(f"personas/{file.name}", file.read_bytes())
        bundle.add("configuration.json", _json(sources.configuration))
        models = {"instruments": list(records.instruments.values()), "installed": sources.models}
        bundle.add("models.json", _json(models))
        manifest = {
            "format": FORMAT,
            "made_at": now.isoformat(),
            "package_version": __version__,
            "persona": sources.persona,
            "heads": records.heads,
            "assets": [{"root": c.root, "path": c.path, "sha256": c.sha256} for c in claims],
            "missing": sorted(missing),
        }
        bundle.add(_MANIFEST, _json(manifest))
        bundle.add(_SUMS, "".join(f"{digest}  {name}\n" for name, digest in bundle.sums.items()).encode())
    with workspace_errors("read", path), path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return Evidence(path, digest, records.n, len(claims) - len(missing), tuple(sorted(missing)))


def verify_evidence(path: Path) -> Verification:
    """Check a bundle by itself: every member, every chain, every asset.

    Raises:
        InputError: It is not an evidence bundle.
        WorkspaceError: It cannot be read.
    """
    with workspace_errors("read", path):
        try:
            with zipfile.ZipFile(path) as bundle:
                return _verify(bundle)
        except (zipfile.BadZipFile, KeyError, orjson.JSONDecodeError, UnicodeDecodeError) as error:
            raise InputError(f"{path} is not an evidence bundle, or is damaged ({type(error).__name__}).") from None


def _verify(bundle: zipfile.ZipFile) -> Verification:
    listed = (line.partition("  ") for line in bundle.read(_SUMS).decode().splitlines())
    sums = {name: digest for digest, _, name in listed}
    names = [name for name in bundle.namelist() if name != _SUMS]
    problems = [f"{name} is not listed in {_SUMS}" for name in names if name not in sums]
    problems += [f"{name} is missing" for name in sums if name not in names]
    problems += [f"{name} was changed" for name in names if sums.get(name) not in (None, _sha256(bundle.read(name)))]
    manifest = orjson.loads(bundle.read(_MANIFEST))
    records = [name for name in names if name.startswith("records/")]
    scanned = [scan(name, io.BytesIO(bundle.read(name))) for name in records]
    reports = tuple(report for report, _ in scanned)
    for report in reports:
        head = manifest["heads"].get(report.name, {})
        if (head.get("n"), head.get("last_hash")) != (report.chain.n, report.head.record_hash):
            problems.append(f"{report.name} does not end as the manifest says")
    claims = [claim for _, claimed in scanned for claim in claimed]
    members = {PurePosixPath(name).stem: name for name in names if name.startswith("assets/")}

    def read(claim: AssetClaim) -> bytes | None:
        return bundle.read(members[claim.sha256]) if claim.sha256 in members else None

    n_assets, asset_problems = check_assets(claims, read)
    return Verification(reports, n_assets, asset_problems, tuple(problems))


class _Bundle:
    """A zip that is being written, with the hash of each member."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.sums: dict[str, str] = {}

    def add(self, name: str, data: bytes) -> None:
        if name in self.sums:
            return
        info = zipfile.ZipInfo(name, _TIME)
        # Pictures and videos are compressed already.
        info.compress_type = zipfile.ZIP_STORED if name.startswith("assets/") else zipfile.ZIP_DEFLATED
        self._archive.writestr(info, data)
        self.sums[name] = _sha256(data)


@contextmanager
def _written_whole(path: Path) -> Iterator[_Bundle]:
    temporary = path.with_name(f".{path.name[:80]}.part")
    with workspace_errors("write", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with zipfile.ZipFile(temporary, "w") as archive:
                yield _Bundle(archive)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@dataclass(slots=True)
class _Records:
    """What the files of records in a bundle hold: how each chain ends, what they claim, what measured."""

    heads: dict[str, dict[str, Any]] = field(default_factory=dict)
    claims: list[AssetClaim] = field(default_factory=list)
    instruments: dict[str, Any] = field(default_factory=dict)

    @property
    def n(self) -> int:
        return sum(head["n"] for head in self.heads.values())


def _add_records(bundle: _Bundle, files: Iterable[Path], sources: EvidenceSources) -> _Records:
    """Add every file of records byte for byte, and return what is in them."""
    found = _Records()
    for file in files:
        with workspace_errors("read", file):
            data = file.read_bytes()
        name = _member_of(file, sources)
        bundle.add(name, data)
        report, claims = scan(name, io.BytesIO(data))
        found.heads[name] = {"n": report.chain.n, "last_hash": report.head.record_hash}
        found.claims += claims
        found.instruments |= _instruments(data)
    return found


def _add_assets(bundle: _Bundle, claims: Iterable[AssetClaim], sources: EvidenceSources) -> set[str]:
    """Add every file that records speak of under the hash of what it contains; return those that are not there."""
    missing = set()
    for claim in claims:
        file = (sources.output if claim.root == "output" else sources.references) / claim.path
        if not file.is_file():
            missing.add(claim.path)
            continue
        data = file.read_bytes()
        bundle.add(f"assets/{_sha256(data)}{file.suffix}", data)
    return missing


def _member_of(file: Path, sources: EvidenceSources) -> str:
    # The timelines' folder lies inside the output folder by default.
    for name, root in (("drift", sources.drift), ("output", sources.output), ("references", sources.references)):
        if file.is_relative_to(root):
            return f"records/{name}/{file.relative_to(root).as_posix()}"
    raise WorkspaceError(f"{file} is not in the workspace.")


def _instruments(data: bytes) -> dict[str, Any]:
    """Return the evaluators that records name, by their identity."""
    found = {}
    for line in split_lines(data)[0]:
        at = line.find(b'"evaluator":{')
        if at >= 0:
            end = line.find(b"}", at)
            text = line[at + len(b'"evaluator":') : end + 1]
            found[text.decode()] = orjson.loads(text)
    return found


def _json(document: object) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS, default=str)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
