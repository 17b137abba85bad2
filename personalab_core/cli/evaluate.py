"""``personalab evaluate``: score pictures, or the frames of videos, made by any tool against an anchor."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from personalab_core.cli.context import (
    DONE,
    NOT_ACCEPTED,
    JsonOption,
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
    from personalab_core.identity import IdentityEvaluator
    from personalab_core.orchestration.importing import ImportOutcome
    from personalab_core.schemas import EvaluationResult, PolicyVerdict


def evaluate(
    context: typer.Context,
    *,
    pictures: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILES_OR_FOLDER...]", help="Pictures, or folders of them.")
    ] = None,
    video: Annotated[
        list[Path] | None, typer.Option("--video", help="A video instead, frame by frame; may be given several times.")
    ] = None,
    anchor: Annotated[Path | None, typer.Option(help="The picture to compare with.")] = None,
    persona: Annotated[str | None, typer.Option(help="Compare with this persona's anchor instead.")] = None,
    evaluator: Annotated[
        Literal["arcface", "dlib"] | None, typer.Option(help="Instrument; by default the configured one.")
    ] = None,
    add: Annotated[bool, typer.Option("--add", help="Add the measured pictures to the persona's timeline.")] = False,
    date: Annotated[
        datetime | None, typer.Option(help="Date of the added pictures, instead of the one they carry.")
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="Also write the results to this CSV file.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Score existing pictures against an anchor; exit code 1 if any of them is not accepted.

    Example: personalab evaluate --evaluator dlib --anchor anchor.jpg holiday/ --csv scores.csv
    Example: personalab evaluate --anchor anchor.jpg --video clip.mp4
    """
    from personalab_core.errors import InputError

    if bool(pictures) == bool(video):
        raise InputError("Give either pictures or folders of them, or videos with --video.")
    backend: dict[str, Any] | None = {"evaluation.embedding.backend": evaluator} if evaluator else None
    if video:
        if add or date or csv:
            raise InputError("--add, --date and --csv are for pictures; a video has --json.")
        from personalab_core.cli.evaluate_video import evaluate_videos

        config = chosen(context).load(backend)
        evaluate_videos(config, _anchor(config, anchor, persona), video, as_json=as_json)
        return
    from personalab_core.identity import IdentityPolicy
    from personalab_core.jobs.evaluating import score_row
    from personalab_core.orchestration.importing import picture_files

    config = chosen(context).load(backend)
    anchor_file = _anchor(config, anchor, persona)
    files = picture_files(pictures or [])
    instrument = _instrument(config)
    policy = IdentityPolicy.for_evaluator(instrument.info, config.evaluation)
    result = _measure(instrument, anchor_file, files, quiet=as_json)
    verdicts = [policy.decide(candidate) for candidate in result.candidates]
    outcome = _add(config, persona, result, verdicts, date) if add else None
    rows = [score_row(*pair) for pair in zip(result.candidates, verdicts, strict=True)]
    if csv is not None:
        _write_csv(csv, rows)
    if as_json:
        print_json({"anchor": anchor_file, "evaluator": result.evaluator, "pictures": rows, "added": outcome})
    else:
        _print(result, verdicts, outcome)
    raise typer.Exit(DONE if all(row["decision"] == "accept" for row in rows) else NOT_ACCEPTED)


def _anchor(config: Config, anchor: Path | None, persona: str | None) -> Path:
    from personalab_core.errors import InputError
    from personalab_core.identity import require_anchor

    if persona is not None:
        require_persona(config, persona)
    if anchor is not None:
        return anchor
    if persona is None:
        raise InputError("Give the picture to compare with: --anchor FILE, or --persona PERSONA for its anchor.")
    return require_anchor(config.paths.references, persona)


def _instrument(config: Config) -> IdentityEvaluator:
    from personalab_core.jobs.evaluating import require_instrument
    from personalab_core.jobs.studio import Studio

    instrument = require_instrument(Studio(config, announce=note))
    if instrument.info.pack == "simface":
        note("The bundled face models are for simulated portraits and worthless on photographs; see --evaluator dlib.")
    return instrument


def _measure(instrument: IdentityEvaluator, anchor: Path, files: list[Path], *, quiet: bool) -> EvaluationResult:
    """Measure one picture after the other, so that the bar moves; the anchor is looked at once."""
    from personalab_core.cli.progress import progress_bar

    first, *others = files
    with progress_bar("Measuring", len(files), quiet=quiet) as advance:
        result = instrument.evaluate(anchor, [first])
        candidates = list(result.candidates)
        for index, file in enumerate(others, start=1):
            advance(index, file.name)
            candidates += instrument.evaluate(anchor, [file]).candidates
        advance(len(files), "")
    return result.model_copy(update={"candidates": tuple(candidates)})


def _add(
    config: Config,
    persona: str | None,
    result: EvaluationResult,
    verdicts: list[PolicyVerdict],
    date: datetime | None,
) -> ImportOutcome:
    from datetime import UTC

    from personalab_core.errors import InputError
    from personalab_core.identity import DriftTracker
    from personalab_core.orchestration.importing import add_to_timeline

    if persona is None:
        raise InputError("--add needs to know whose timeline: give --persona PERSONA.")
    return add_to_timeline(
        persona,
        result,
        verdicts,
        tracker=DriftTracker(config.evaluation.drift.log_dir),
        output_dir=config.paths.output,
        clock=lambda: datetime.now(UTC),
        date=date.astimezone() if date else None,
    )


def _write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    from personalab_core.config.atomic_files import write_atomic
    from personalab_core.jobs.evaluating import scores_csv

    write_atomic(path, scores_csv(rows))
    note(f"Written: {path}")


def _print(result: EvaluationResult, verdicts: list[PolicyVerdict], outcome: ImportOutcome | None) -> None:
    by_distance = result.evaluator.metric == "euclidean_distance"
    rows = []
    for candidate, verdict in zip(result.candidates, verdicts, strict=True):
        embedding = candidate.embedding
        value = None
        if embedding is not None:
            value = embedding.euclidean_distance if by_distance else embedding.cosine_similarity
        rows.append(
            (
                Path(candidate.path).name,
                verdict.decision.value,
                number(candidate.composite_score),
                number(value),
                number(candidate.geometric.normalized_error if candidate.geometric else None),
                verdict.sentence,
            )
        )
    columns = ("picture", "decision", "#score", "#distance" if by_distance else "#cosine", "#geometric error", "why")
    print_table("", columns, rows)
    say()
    n_accepted = sum(verdict.decision == "accept" for verdict in verdicts)
    say(f"{n_accepted} of {len(verdicts)} accepted. Measured by {result.evaluator.name} ({result.evaluator.pack}).")
    if outcome is not None:
        say(f"{len(outcome.added)} added to the timeline.")
        if outcome.known:
            say(f"{len(outcome.known)} were there already.")
        if outcome.unmeasured:
            say(f"{len(outcome.unmeasured)} not added: without a score.")
