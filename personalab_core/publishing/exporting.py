"""Accepted assets on their way out: finished, marked, measured once more, packed, recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from personalab_core.config.atomic_files import workspace_errors, write_atomic
from personalab_core.errors import InputError, PersonalabError, RecordError
from personalab_core.identity import IdentityEvaluator
from personalab_core.observability import GenerationMetricsLogger, Journal
from personalab_core.publishing.advice import Advice, Adviser
from personalab_core.publishing.marking import Marker
from personalab_core.publishing.packing import manifest_csv, packed
from personalab_core.publishing.remeasuring import Remeasurer
from personalab_core.publishing.sending import ExportOrder, Outgoing, Sender, source_of
from personalab_core.schemas import AttemptRecord, RegistryRecord, check_slug
from personalab_core.schemas.publishing import ExportRecord

EXPORTS_FILE = "exports.jsonl"
FOLDER = "exports"


@dataclass(frozen=True, slots=True)
class Export:
    """What left.

    Attributes:
        export_id: Names folder and zip.
        folder: The files, beside them ``manifest.csv``.
        archive: The same as a zip.
        records: One per file, as written to the journal.
        problems: One sentence per asset that could not be exported.
    """

    export_id: str
    folder: Path
    archive: Path
    records: tuple[ExportRecord, ...]
    problems: tuple[str, ...] = ()


class Exporter:
    """Exports the accepted assets of a workspace.

    Args:
        output_dir: The workspace's output folder.
        references_root: Folder of the personas' anchors.
        accepted: Gives the assets of a persona that count as accepted now, as ``RegistryWriter.read``.
        marker: Writes the marks; ``None`` exports unmarked files, and the records say so.
        marker_note: What the records say about marking, such as why nothing is signed.
        evaluator: Measures identity again on finished pixels; ``None`` does not.
        adviser: Asks the post-processing gate about every asset; ``None`` does not.
        disclosure_text: Put beside every caption.
        clock: Current time with zone.
    """

    def __init__(
        self,
        *,
        output_dir: str | Path,
        references_root: str | Path,
        accepted: Callable[[str], Sequence[RegistryRecord]],
        marker: Marker | None,
        marker_note: str = "",
        evaluator: IdentityEvaluator | None = None,
        adviser: Adviser | None = None,
        disclosure_text: str = "",
        clock: Callable[[], datetime],
    ) -> None:
        self._output_dir = Path(output_dir)
        self._registered = accepted
        self._sender = Sender(self._output_dir, Path(references_root), marker)
        self._marker_note = marker_note
        self._remeasurer = Remeasurer(evaluator, Path(references_root)) if evaluator else None
        self._adviser = adviser
        self._disclosure_text = disclosure_text
        self._clock = clock

    def journal(self, persona: str) -> Journal[ExportRecord]:
        """Return the persona's list of exports."""
        return Journal(self._output_dir / check_slug(persona) / EXPORTS_FILE, ExportRecord, fsync=True)

    def n_assets(self, order: ExportOrder) -> int:
        """Return how many assets an order would export.

        Raises:
            InputError: The persona has no such accepted assets.
        """
        return len(self._accepted(order))

    def export(
        self,
        order: ExportOrder,
        *,
        on_file: Callable[[int, str], None] | None = None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Export:
        """Export the assets and return what left; an asset that cannot be exported does not end the others.

        Args:
            order: What to export.
            on_file: Told the number of finished assets and the last one's name.
            should_stop: Asked before every asset; what left until then is packed all the same.

        Raises:
            InputError: The persona has no such accepted assets.
            WorkspaceError: The folder cannot be written.
        """
        attempts = self._accepted(order)
        now = self._clock()
        export_id = f"{now:%Y%m%d-%H%M%S}-{order.channel}"
        folder = self._new_folder(order.persona, export_id)
        records: list[ExportRecord] = []
        problems: list[str] = []
        for index, attempt in enumerate(attempts, start=1):
            if should_stop():
                break
            try:
                records.append(self._export_one(attempt, order, folder, now))
            except PersonalabError as error:
                problems.append(str(error) if attempt.asset_id in str(error) else f"{attempt.asset_id}: {error}")
            if on_file is not None:
                on_file(index, attempt.asset_id)
        write_atomic(folder / "manifest.csv", manifest_csv(records, {a.attempt_id: a for a in attempts}))
        return Export(folder.name, folder, packed(folder), tuple(records), tuple(problems))

    def _accepted(self, order: ExportOrder) -> list[AttemptRecord]:
        registered = {record.asset_id: record.attempt_id for record in self._registered(order.persona)}
        unknown = [asset for asset in order.asset_ids if asset not in registered]
        if unknown:
            raise InputError(f"{order.persona} has no accepted asset {unknown[0]!r}; {len(registered)} are accepted.")
        if not registered:
            raise InputError(f"{order.persona} has no accepted asset to export. Generate some first.")
        wanted = [registered[asset] for asset in order.asset_ids] if order.asset_ids else list(registered.values())
        log = {
            record.attempt_id: record for record in GenerationMetricsLogger(self._output_dir).read_log(order.persona)
        }
        lost = [attempt_id for attempt_id in wanted if attempt_id not in log]
        if lost:
            raise RecordError(
                f"{order.persona}: the record of attempt {lost[0]} is missing. Run: personalab log verify"
            )
        return [log[attempt_id] for attempt_id in wanted]

    def _new_folder(self, persona: str, export_id: str) -> Path:
        parent = self._output_dir / check_slug(persona) / FOLDER
        for name in _names(export_id):
            with workspace_errors("write", parent):
                parent.mkdir(parents=True, exist_ok=True)
                try:
                    (parent / name).mkdir()
                except FileExistsError:
                    continue
            return parent / name
        raise AssertionError("unreachable: the names never end")

    def _export_one(self, attempt: AttemptRecord, order: ExportOrder, folder: Path, now: datetime) -> ExportRecord:
        """Write one file and record it; a file that cannot be recorded does not stay."""
        advice = self._adviser.advise(attempt) if self._adviser else None
        outgoing = self._sender.send(attempt, order, advice, folder, now)
        try:
            return self.journal(order.persona).append(self._record(attempt, order, advice, outgoing, folder, now))
        except BaseException:
            (folder / outgoing.name).unlink(missing_ok=True)
            raise

    def _record(
        self,
        attempt: AttemptRecord,
        order: ExportOrder,
        advice: Advice | None,
        outgoing: Outgoing,
        folder: Path,
        now: datetime,
    ) -> ExportRecord:
        pixels, report = outgoing.pixels, outgoing.report
        source_path, source_sha256 = source_of(attempt)
        again = self._remeasurer.measure(attempt, folder / outgoing.name) if self._remeasurer and pixels else None
        return ExportRecord(
            timestamp=now,
            export_id=folder.name,
            persona=order.persona,
            asset_id=attempt.asset_id,
            attempt_id=attempt.attempt_id,
            asset_type=attempt.asset_type,
            channel=order.channel,
            file_name=outgoing.name,
            file_sha256=outgoing.sha256,
            source_path=source_path,
            source_sha256=source_sha256,
            width_px=pixels.width_px if pixels else None,
            height_px=pixels.height_px if pixels else None,
            crop=pixels.crop.box if pixels and pixels.crop else None,
            edits=pixels.edits if pixels else (),
            advice=advice.text if advice else "",
            realism=outgoing.look,
            seed=order.seed if outgoing.look else None,
            marked=report is not None,
            digital_source=report.disclosure.digital_source if report and report.disclosure else None,
            c2pa=report.c2pa if report else "none",
            c2pa_note=self._marker_note,
            upstream_manifest=outgoing.upstream,
            identity=again,
            caption=order.captions.get(attempt.asset_id, order.caption),
            disclosure_text=self._disclosure_text,
        )


def _names(stem: str) -> Iterator[str]:
    yield stem
    number = 2
    while True:
        yield f"{stem}-{number}"
        number += 1
