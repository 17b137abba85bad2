"""``personalab export`` and ``personalab provenance``: what leaves the workspace, and what a file says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from personalab_core.cli.context import (
    DONE,
    NOT_ACCEPTED,
    JsonOption,
    PersonaArgument,
    chosen,
    note,
    number,
    print_json,
    print_table,
    require_persona,
    say,
)

if TYPE_CHECKING:
    from personalab_core.config import Config
    from personalab_core.publishing import Channel, Export, ExportOrder
    from personalab_core.schemas.publishing import ExportRecord

app = typer.Typer(no_args_is_help=True, help="What a file says of where it came from.")


@app.callback()
def _group() -> None:
    """What a file says of where it came from."""


@app.command("show")
def show(
    *,
    files: Annotated[list[Path], typer.Argument(metavar="FILES...", help="JPEG, PNG, WebP or MP4, of any origin.")],
    as_json: JsonOption = False,
) -> None:
    """Read the AI-generated mark of files: XMP and C2PA. Exit code 1 if one of them is not marked.

    Example: personalab provenance show picture.jpg
    """
    from personalab_core.publishing import read_mark

    reports = [(file, read_mark(file)) for file in files]
    if as_json:
        print_json([{"file": str(file), **report.model_dump(mode="json")} for file, report in reports])
    else:
        for file, report in reports:
            say(f"{file.name}: {report.sentence}")
            _print_details(report)
    raise typer.Exit(DONE if all(report.marked for _, report in reports) else NOT_ACCEPTED)


def _print_details(report: Any) -> None:
    rows = [("source type", report.digital_source.rsplit("/", 1)[-1])] if report.digital_source else []
    if own := report.disclosure:
        rows += [
            ("persona", own.persona),
            ("asset", own.asset_id),
            ("made by", f"{own.provider}, {own.model}{' (simulated)' if own.simulated else ''}"),
            ("written by", own.tool),
            ("edits", ", ".join(own.edits) or "none"),
            ("parent SHA-256", own.parent_sha256),
            ("record", own.record_hash or "none"),
        ]
    if report.ingredients:
        rows.append(("ingredients", ", ".join(report.ingredients)))
    for name, value in rows:
        say(f"  {name:<15} {value}")


def export(
    context: typer.Context,
    *,
    persona: PersonaArgument,
    channel: Annotated[str, typer.Option(help="Shape and format, such as instagram_portrait.")] = "original",
    asset: Annotated[
        list[str] | None, typer.Option("--asset", help="An accepted asset; repeat it. Default: all.")
    ] = None,
    look: Annotated[str | None, typer.Option(help="Realism filter: phone, social, night, or one of your own.")] = None,
    sharpen: Annotated[float, typer.Option(min=0, max=2, help="Unsharp mask; 0 is off.")] = 0.0,
    sharpen_as_advised: Annotated[
        bool | None,
        typer.Option(
            "--sharpen-as-advised/--no-sharpen-as-advised",
            help="Sharpen what the quality check calls soft; default: as configured, off.",
        ),
    ] = None,
    super_res_as_advised: Annotated[
        bool | None,
        typer.Option(
            "--super-res-as-advised/--no-super-res-as-advised",
            help="Super-resolve what the quality check calls soft; default: as configured, off.",
        ),
    ] = None,
    caption: Annotated[
        str, typer.Option(help="Text, in the manifest, beside the files that have none in the content plan.")
    ] = "",
    composite: Annotated[
        bool | None,
        typer.Option(
            "--composite/--no-composite",
            help="Whether a real picture went into these assets; default: if a person brought the anchor.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the look's noise.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Also copy the zip here.")] = None,
    list_channels: Annotated[bool, typer.Option("--list-channels", help="Print the channels and stop.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Export accepted assets: cropped without cutting the face, marked as AI-generated, measured again, zipped.

    A channel with a size also crops and encodes videos anew; without one, and without sharpening, their pictures stay
    as they are. A look is for pictures. What was made for a content plan takes its caption from there.
    Exit code 1 if an asset could not be exported.
    Example: personalab export daniperez --channel instagram_portrait --look phone --out week.zip
    """
    from personalab_core.generation import PlanStore
    from personalab_core.publishing import ExportOrder, chosen_channel, chosen_finish, load_channels

    config = chosen(context).load()
    channels = load_channels(config.paths.prompts)
    if list_channels:
        _print_channels(channels)
        return
    require_persona(config, persona)
    order = ExportOrder(
        persona,
        channel,
        chosen_channel(channel, channels),
        asset_ids=asset or [],
        finish=chosen_finish(
            config,
            look=look,
            sharpen_amount=sharpen,
            sharpen_as_advised=sharpen_as_advised,
            super_resolve_as_advised=super_res_as_advised,
        ),
        captions={name: item.post for name, item in PlanStore(config.paths.output).posts(persona).items() if item.post},
        caption=caption,
        seed=seed,
        composite=composite,
    )
    exported = _export(config, order, quiet=as_json)
    if out is not None:
        _copy(exported.archive, out)
    if as_json:
        print_json(exported)
    else:
        _print(exported)
    raise typer.Exit(NOT_ACCEPTED if exported.problems else DONE)


def _print_channels(channels: Mapping[str, Channel]) -> None:
    rows = [(name, "x".join(map(str, c.size)) if c.size else "as it is", c.format) for name, c in channels.items()]
    print_table("", ("channel", "#size px", "format"), rows)


def _export(config: Config, order: ExportOrder, *, quiet: bool) -> Export:
    from personalab_core.cli.progress import progress_bar
    from personalab_core.jobs.studio import Studio

    exporter = Studio(config, announce=note).exporter
    with progress_bar("Exporting", exporter.n_assets(order), quiet=quiet) as advance:
        return exporter.export(order, on_file=advance)


def _copy(archive: Path, out: Path) -> None:
    import shutil

    from personalab_core.config.atomic_files import workspace_errors

    with workspace_errors("write", out):
        out.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(archive, out)


def _print(exported: Export) -> None:
    print_table(
        "",
        ("file", "#size px", "#similarity", "#after", "edits", "mark"),
        [_row(record) for record in exported.records],
    )
    for record in exported.records:
        if record.advice:
            say(f"{record.file_name}: {record.advice}")
    for problem in exported.problems:
        note(problem)
    say()
    say(f"{len(exported.records)} exported: {exported.archive}")
    if exported.records:
        say(exported.records[0].c2pa_note)


def _row(record: ExportRecord) -> tuple[str, ...]:
    identity = record.identity
    return (
        record.file_name,
        f"{record.width_px}x{record.height_px}" if record.width_px else "as it is",
        number(identity.similarity_before if identity else None),
        number(identity.similarity_after if identity else None),
        ", ".join(record.edits) or "none",
        f"XMP, C2PA {record.c2pa}" if record.marked and record.c2pa != "none" else "XMP" if record.marked else "none",
    )
