"""Export: what may leave, in which shape, marked how; and what left before."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from itertools import groupby
from pathlib import Path

from personalab_core.config import Config
from personalab_core.observability import Journal
from personalab_core.orchestration import RegistryWriter
from personalab_core.publishing import Advice, adviser_of, load_channels, marking_note, read_mark_of
from personalab_core.publishing.exporting import EXPORTS_FILE, FOLDER
from personalab_core.schemas import RegistryRecord
from personalab_core.schemas.publishing import DigitalSource, ExportRecord, MarkReport
from personalab_core.tools import load_realism_presets
from personalab_core.views import numbers, words
from personalab_core.views.history import PersonaHistory
from personalab_core.views.pictures import Picture, picture

NEWEST_ASSETS = 120
"""So many accepted assets are offered at once, newest first."""
NEWEST_EXPORTS = 20
FILE_COLUMNS = ("File", "Size", "Mark", "Similarity before", "After", "What was done")
_PLAIN_NAMES = {"original": "As it is"}
_ADVICE = (
    words.Mark("retry", "Soft"),
    words.Mark("watch", "Look at it"),
    words.Mark("accept", "Nothing to repair"),
    words.Mark("unmeasured", "Not known"),
)
_UNKNOWN_SHARPNESS = "Its sharpness was not measured: the face is too small to tell, or the instrument does not say."


@dataclass(frozen=True, slots=True)
class AssetCard:
    """One accepted asset that can be picked. ``id`` is the asset's."""

    id: str
    name: str
    value: str
    note: str
    picture: Picture


@dataclass(frozen=True, slots=True)
class Choice:
    """One channel or look, with its name as a person reads it."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Offer:
    """What the form offers, and how files are marked."""

    channels: tuple[Choice, ...]
    looks: tuple[Choice, ...]
    marked: bool
    marking: str
    disclosure: str
    sharpen_as_advised: bool
    super_resolve_as_advised: bool


@dataclass(frozen=True, slots=True)
class AdviceGroup:
    """Picked assets of which the quality check says the same. ``lines`` are the numbers behind it, asset by asset."""

    mark: words.Mark
    sentence: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PastExport:
    """One export that was made. ``archive`` is ``None`` where the zip is gone."""

    id: str
    title: str
    line: str
    mark: words.Mark
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]
    archive: Path | None


def build_offer(config: Config) -> Offer:
    """Return channels, looks and how files are marked here.

    Raises:
        ConfigError: A file of channels or looks is broken.
    """
    channels = load_channels(config.paths.prompts)
    settings, automatic = config.publishing, config.evaluation.quality.post_processing
    return Offer(
        channels=tuple(
            Choice(name, f"{_name(name)}, {_size(c.size)}, {c.format.upper()}") for name, c in channels.items()
        ),
        looks=tuple(Choice(name, _name(name)) for name in load_realism_presets(config.paths.prompts)),
        marked=settings.mark,
        marking=marking_note(settings),
        disclosure=settings.disclosure,
        sharpen_as_advised=automatic.auto_sharpen,
        super_resolve_as_advised=automatic.auto_super_res,
    )


def accepted_assets(config: Config, history: PersonaHistory, *, now: datetime, zone: tzinfo) -> tuple[AssetCard, ...]:
    """Return the assets that count as accepted now, newest first."""
    registered = RegistryWriter(config.paths.output).read(history.id)
    cards = (_card(record, history, now=now, zone=zone) for record in reversed(registered[-NEWEST_ASSETS:]))
    return tuple(card for card in cards if card)


def advice_on(config: Config, history: PersonaHistory, picked: Mapping[str, str]) -> tuple[AdviceGroup, ...]:
    """Return what the post-processing gate says of the picked assets, what may be repaired first; nothing for none.

    Args:
        config: Says from where a picture counts as sharp, and whether quality is checked at all.
        history: The persona.
        picked: Names of the assets as a person knows them, by id.
    """
    adviser = adviser_of(config)
    if not picked:
        return ()
    if adviser is None:
        return (AdviceGroup(words.Mark("unmeasured", "Not checked"), "Quality is off in the configuration.", ()),)
    accepted = {record.asset_id: record.attempt_id for record in RegistryWriter(config.paths.output).read(history.id)}
    groups: dict[tuple[int, str], list[str]] = {}
    for asset, name in picked.items():
        attempt = history.attempts.find(accepted.get(asset, ""))
        advice = adviser.advise(attempt) if attempt else None
        sentence, why = (advice.sentence, advice.why) if advice else (_UNKNOWN_SHARPNESS, "")
        groups.setdefault((_rank(advice), sentence), []).append(f"{name}: {why}" if why else name)
    return tuple(
        AdviceGroup(_ADVICE[rank], sentence, tuple(groups[rank, sentence])) for rank, sentence in sorted(groups)
    )


def _rank(advice: Advice | None) -> int:
    if advice is None:
        return 3
    return 0 if advice.sharpen else 2 if advice.repairable else 1


def exports_answer(history: PersonaHistory, n_assets: int, offer: Offer) -> tuple[str, str]:
    """Return the page's sentence, and the one after it."""
    if not n_assets:
        return (
            f"Nothing of {history.first_name} is accepted yet.",
            "What is accepted can leave: cropped for a channel, marked as AI-generated, measured once more.",
        )
    ready = f"{numbers.plural(n_assets, 'accepted asset')} of {history.first_name} can leave."
    if not offer.marked:
        return ready, "Files leave without a mark: publishing.mark is off in the configuration, and the records say so."
    return ready, f"Every file says in a way machines read that it is AI-generated. {offer.marking}"


def past_exports(
    config: Config, history: PersonaHistory, *, now: datetime, zone: tzinfo
) -> tuple[tuple[PastExport, ...], tuple[str, ...]]:
    """Return what left before, newest first, and one sentence per record that cannot be read."""
    folder = config.paths.output / history.id
    contents = Journal(folder / EXPORTS_FILE, ExportRecord).read()
    groups = [list(rows) for _, rows in groupby(contents.records, key=lambda record: record.export_id)]
    shown = reversed(groups[-NEWEST_EXPORTS:])
    return tuple(_past(rows, folder / FOLDER, now=now, zone=zone) for rows in shown), tuple(contents.problems)


def check_file(data: bytes, name: str) -> MarkReport:
    """Return what a file says of where it came from.

    Raises:
        InputError: It is damaged or none of JPEG, PNG, WebP and MP4.
    """
    return read_mark_of(io.BytesIO(data), name=Path(name.replace("\\", "/")).name[:120] or "The file")


def mark_facts(report: MarkReport) -> tuple[tuple[str, str], ...]:
    """Return what was read, in words."""
    said = report.disclosure
    rows = [
        ("In its metadata (XMP)", "yes" if report.in_xmp else "no"),
        ("C2PA manifest", report.c2pa),
        ("Signed by", report.signer or "nobody"),
    ]
    if report.digital_source:
        rows.append(("Digital source type", report.digital_source.rsplit("/", 1)[-1]))
    if report.ingredients:
        rows.append(("Ingredients", ", ".join(report.ingredients)))
    if said:
        rows += [("Persona", said.persona), ("Asset", said.asset_id), ("Made with", f"{said.provider}, {said.model}")]
        rows.append(("Edits", ", ".join(said.edits) or "none"))
    return tuple(rows)


def mark_of_report(report: MarkReport) -> words.Mark:
    """Return whether a file is marked, as the page shows it."""
    return words.Mark("accept", "Marked as AI-generated") if report.marked else words.Mark("watch", "Not marked")


def _card(record: RegistryRecord, history: PersonaHistory, *, now: datetime, zone: tzinfo) -> AssetCard | None:
    score = numbers.score(record.composite_score) if record.composite_score is not None else ""
    said = f", score {score}" if score else ""
    shown = picture(
        "output",
        record.image_path,
        record.image_sha256,
        thumbnail=record.thumbnail_path,
        alt=f"{history.name}, accepted {record.asset_type}{said}",
    )
    if shown is None:
        return None
    note = "Video" if record.asset_type == "video" else ""
    return AssetCard(record.asset_id, numbers.day(record.timestamp, now=now, zone=zone), score, note, shown)


def _past(rows: Sequence[ExportRecord], folder: Path, *, now: datetime, zone: tzinfo) -> PastExport:
    first = rows[0]
    archive = folder / f"{first.export_id}.zip"
    loss = _mean(r.identity.similarity_loss for r in rows if r.identity)
    lost = "identity was not measured again" if loss is None else f"similarity lost on average {_signed(loss)}"
    n_marked = sum(r.marked for r in rows)
    mark = (
        words.Mark("accept", "Marked and read back")
        if n_marked == len(rows)
        else words.Mark("watch", "Not marked" if not n_marked else f"{n_marked} of {len(rows)} marked")
    )
    notes = dict.fromkeys(filter(None, (r.c2pa_note for r in rows)))
    upstream = sum(r.upstream_manifest == "lost" for r in rows)
    extra = [f"The provider's own manifest was lost in {numbers.plural(upstream, 'file')}."] if upstream else []
    return PastExport(
        id=first.export_id,
        title=f"{numbers.plural(len(rows), 'file')} for {_name(first.channel)}",
        line=f"{numbers.when(first.timestamp, now=now, zone=zone)}; {lost}.",
        mark=mark,
        rows=tuple(_row(record) for record in rows),
        notes=(*notes, *extra),
        archive=archive if archive.is_file() else None,
    )


def _row(record: ExportRecord) -> tuple[str, ...]:
    identity = record.identity
    size = f"{record.width_px} x {record.height_px}" if record.width_px else "as it was"
    return (
        record.file_name,
        size,
        _marked(record),
        numbers.score(identity.similarity_before if identity else None),
        numbers.score(identity.similarity_after if identity else None),
        ", ".join(record.edits) or "nothing",
    )


def _marked(record: ExportRecord) -> str:
    if not record.marked:
        return "not marked"
    source = "composite" if record.digital_source is DigitalSource.COMPOSITE else "AI-generated"
    return f"{source}, XMP" + (f" and C2PA ({record.c2pa})" if record.c2pa != "none" else "")


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _signed(loss: float) -> str:
    return f"{numbers.MINUS if loss < 0 else ''}{abs(loss):.3f}"


def _size(size: tuple[int, int] | None) -> str:
    return f"{size[0]} x {size[1]}" if size else "own size"


def _name(name: str) -> str:
    return _PLAIN_NAMES.get(name, name.replace("_", " ").capitalize())
