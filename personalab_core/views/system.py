"""System: is everything in place, and what does it run on?"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from hashlib import file_digest
from pathlib import Path
from typing import Any

from personalab_core.config import Config
from personalab_core.errors import ModelPackError
from personalab_core.identity.packs import BUNDLED_PACK, DEFAULT_PACK, ModelPack, find_pack
from personalab_core.jobs import Job
from personalab_core.jobs.checks import KEY_VARIABLES, Check
from personalab_core.llm.prices import price_table
from personalab_core.views import numbers, words
from personalab_core.views.runs import failure, run_mark, run_title

LOG_LINES = 200
LOG_BYTES = 64_000

Rows = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting in force. ``changed`` is true if it is not the shipped default."""

    key: str
    value: str
    source: str
    changed: bool


@dataclass(frozen=True, slots=True)
class ProviderRow:
    """One provider: what it serves here, and whether its key is there. The key itself is never read."""

    name: str
    used_for: str
    mark: words.Mark
    key: str
    prices: str


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One model file with its checksum; ``licence`` is that of its pack."""

    pack: str
    file: str
    size: str
    sha256: str
    licence: str


@dataclass(frozen=True, slots=True)
class JobRow:
    """One job of the history."""

    id: str
    what: str
    state: str
    progress: str
    started: datetime | None
    took: str
    said: str


@dataclass(frozen=True, slots=True)
class SystemView:
    """The page."""

    answer: str
    detail: str
    checks: tuple[tuple[words.Mark, str, str], ...]
    providers: tuple[ProviderRow, ...]
    settings: tuple[SettingRow, ...]
    layers: Rows
    jobs: tuple[JobRow, ...]


def build_system_view(
    config: Config, checks: Sequence[Check], jobs: Sequence[Job], *, names: Mapping[str, str]
) -> SystemView:
    """Return what the program runs on.

    Args:
        config: Settings in force.
        checks: What was looked at.
        jobs: Newest first.
        names: Persona ids to full names.
    """
    providers = tuple(_providers(config))
    answer, detail = _sentences(checks, providers)
    return SystemView(
        answer=answer,
        detail=detail,
        checks=tuple((_check_mark(check), check.subject, check.detail) for check in checks),
        providers=providers,
        settings=tuple(_settings(config)),
        layers=tuple((_LAYERS.get(name, name), source) for name, source in config.sources.items()),
        jobs=tuple(_job_row(job, names) for job in jobs),
    )


_LAYERS = {
    "defaults": "Shipped defaults",
    "profile": "Profile",
    "file": "Configuration file",
    ".env": "The file .env",
    "environment": "Environment",
    "overrides": "Overrides",
}


def _sentences(checks: Sequence[Check], providers: Sequence[ProviderRow]) -> tuple[str, str]:
    missing = [check.subject for check in checks if check.verdict == "missing"]
    without = [row.name for row in providers if row.mark.kind == "unmeasured"]
    of = f"{numbers.spelled(len(without))} of {numbers.spelled(len(providers)).lower()}"
    keys = f"{of} providers have no key; none of them is in use."
    if not missing:
        return "Everything is ready.", keys if without else "Every provider has its key."
    what = numbers.listing(missing[:4])
    return (
        f"{numbers.spelled(len(missing))} {'thing is' if len(missing) == 1 else 'things are'} missing: {what}.",
        "What to do stands beside each of them below.",
    )


def _check_mark(check: Check) -> words.Mark:
    return {
        "ok": words.Mark("accept", "In place"),
        "missing": words.Mark("watch", "Missing"),
        "optional": words.Mark("unmeasured", "Not needed"),
    }[check.verdict]


def _providers(config: Config) -> Iterator[ProviderRow]:
    used = {name: [m for m in config.models if config.provider(m) == name] for name in _names(config)}
    for name, modalities in used.items():
        variables = KEY_VARIABLES.get(name, ())
        present = next((variable for variable in variables if config.secret(variable)), None)
        if not variables:
            mark, key = words.Mark("accept", "Ready"), "needs no key"
        elif present:
            mark, key = words.Mark("accept", "Key present"), f"{present} is set"
        else:
            word = words.Mark("watch", "Key missing") if modalities else words.Mark("unmeasured", "No key")
            mark, key = word, f"{' or '.join(variables)} is not set"
        yield ProviderRow(name, ", ".join(modalities), mark, key, _prices(name))


def _names(config: Config) -> list[str]:
    configured = [config.provider(modality) for modality in config.models]
    return list(dict.fromkeys([*configured, "simulated", *KEY_VARIABLES]))


def _prices(provider: str) -> str:
    if provider == "simulated":
        return "free"
    rows = [row for row in price_table() if row.provider == provider]
    if not rows:
        return "price unknown"
    return f"{numbers.plural(len(rows), 'price')}, read {max(row.as_of for row in rows):%d %b %Y}"


def _settings(config: Config) -> Iterator[SettingRow]:
    defaults = config.sources.get("defaults", "")
    for key, value in _leaves(config.to_mapping()):
        if key == "profile":
            yield SettingRow(key, str(value), config.sources.get("profile", ""), changed=False)
            continue
        origin = config.origin(key)
        changed = origin not in {defaults, "derived"}
        yield SettingRow(key, _shown(value), "follows another setting" if origin == "derived" else origin, changed)


def _leaves(data: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in data.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _shown(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return str(value)


def _job_row(job: Job, names: Mapping[str, str]) -> JobRow:
    ended = job.finished_at or job.heartbeat_at
    took = numbers.duration((ended - job.started_at).total_seconds()) if ended and job.started_at else ""
    return JobRow(
        id=job.id,
        what=run_title(job, names),
        state=run_mark(job).word,
        progress=f"{job.done} of {job.total}",
        started=job.started_at or job.created_at,
        took=took,
        said=failure(job) or job.message,
    )


def read_log(path: Path) -> str:
    """Return the last lines of a job's log, at most 64 kB; nothing if there is none."""
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, path.stat().st_size - LOG_BYTES))
            text = stream.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-LOG_LINES:])


def build_model_rows(config: Config) -> tuple[tuple[ModelRow, ...], tuple[str, ...]]:
    """Return the face models that are here with their checksums, and what is wrong with the configured ones.

    Reads every model file, which takes about a second for a large pack.
    """
    rows: list[ModelRow] = []
    problems: list[str] = []
    wanted = config.evaluation.embedding.model_name
    for name in dict.fromkeys((wanted, BUNDLED_PACK, DEFAULT_PACK)):
        try:
            pack = find_pack(name)
        except ModelPackError as error:
            if name == wanted and config.evaluation.embedding.backend == "arcface":
                problems.append(str(error))
            continue
        rows += [_model_row(pack, file) for file in pack.files]
    return tuple(rows), tuple(problems)


def _model_row(pack: ModelPack, file: Path) -> ModelRow:
    with file.open("rb") as stream:
        digest = file_digest(stream, "sha256").hexdigest()
    return ModelRow(pack.name, file.name, _size(file.stat().st_size), digest, pack.licence)


@dataclass(frozen=True, slots=True)
class Storage:
    """What the workspace takes on the disk."""

    answer: str
    rows: Rows


def build_storage(config: Config) -> Storage:
    """Return how much of the disk the workspace takes, by what it is for; walks through all its files."""
    import shutil

    sizes: dict[str, int] = {}
    n_files = 0
    for file in _files((config.paths.output, config.paths.references, config.paths.personas)):
        n_files += 1
        kind = _kind(file, config)
        sizes[kind] = sizes.get(kind, 0) + _bytes_of(file)
    total = sum(sizes.values())
    present = next((f for f in (config.paths.output, *config.paths.output.parents) if f.exists()), Path())
    free = shutil.disk_usage(present).free
    rows = [(kind, _size(size)) for kind, size in sorted(sizes.items(), key=lambda pair: -pair[1])]
    answer = f"{_size(total)} in {numbers.plural(n_files, 'file')}, {_size(free)} free"
    return Storage(answer, tuple(rows))


def _files(folders: Sequence[Path]) -> Iterator[Path]:
    for folder in folders:
        for root, _, names in os.walk(folder):
            yield from (Path(root, name) for name in names)


def _kind(file: Path, config: Config) -> str:
    parts = file.parts
    if "thumbnails" in parts:
        return "Thumbnails"
    if file.is_relative_to(config.paths.references):
        return "Anchor pictures" if file.suffix != ".jsonl" else "Records"
    if file.suffix in {".jsonl", ".lock", ".json"} or ".torn-" in file.name:
        return "Records"
    if "embeddings" in parts:
        return "Embeddings"
    if "jobs" in file.name or "jobs.logs" in parts:
        return "Jobs and logs"
    return "Pictures and videos" if file.suffix not in {".yml", ".sqlite3"} else "Personas and indexes"


def _bytes_of(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _size(n_bytes: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if n_bytes < 1000 or unit == "GB":
            digits = 0 if unit in {"B", "kB"} or n_bytes >= 100 else 1
            return f"{n_bytes:.{digits}f}{numbers.NBSP}{unit}"
        n_bytes /= 1000
    raise AssertionError("unreachable")


def started(moment: datetime | None, *, now: datetime, zone: tzinfo) -> str:
    """Return when a job began, in the viewer's zone."""
    return numbers.when(moment, now=now, zone=zone) if moment else "not yet"
