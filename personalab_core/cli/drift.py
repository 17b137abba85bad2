"""``personalab drift``: whether a persona has changed, since when and how much; and a person's answer to it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from personalab_core.cli.context import (
    JsonOption,
    PersonaArgument,
    chosen,
    number,
    print_json,
    print_table,
    require_persona,
    say,
)
from personalab_core.errors import InputError

if TYPE_CHECKING:
    from personalab_core.config import Config
    from personalab_core.identity import DriftSummary
    from personalab_core.identity.drift.watch import Drift, DriftWatch


def drift(
    context: typer.Context,
    *,
    persona: PersonaArgument,
    accept: Annotated[
        str | None, typer.Option(metavar="REASON", help="Take the change for normal: a new baseline begins with it.")
    ] = None,
    hold: Annotated[str | None, typer.Option(metavar="REASON", help="Keep the old baseline.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Say whether a persona has changed, since when and how much, and summarise the newest records.

    Example: personalab drift daniperez --accept "new hair colour, agreed with the client"
    """
    from personalab_core.config import PersonaStore
    from personalab_core.identity import DriftTracker

    config = chosen(context).load()
    require_persona(config, persona)
    if accept is not None and hold is not None:
        raise InputError("Choose one of --accept and --hold.")
    watch = drift_watch(config)
    reason = hold if accept is None else accept
    if reason is not None:
        _answer(config, watch, persona, reason, accept=accept is not None)
    found = watch.look(persona)
    canaries = canary_watch(config).look(persona)
    summary = DriftTracker(config.evaluation.drift.log_dir).summary(persona)
    if as_json:
        monitors = {"monitor": _document(found), "canaries": _document(canaries)}
        print_json({**summary.model_dump(mode="json"), **monitors})
    elif found is None:
        say(f"No measured picture of {persona} yet. Generate one: personalab generate image {persona}")
    else:
        _say_found(PersonaStore(config.paths.personas).name_of(persona), found, canaries)
        _say_summary(summary)


def drift_watch(config: Config) -> DriftWatch:
    """Return the monitor of the workspace's timelines."""
    from personalab_core.identity.drift.watch import DriftWatch

    return DriftWatch(config.evaluation.drift.log_dir, config.paths.output, clock=lambda: datetime.now(UTC))


def canary_watch(config: Config) -> DriftWatch:
    """Return the monitor of the canaries' timelines."""
    from personalab_core.identity.drift.watch import CANARY_FOLDER, DriftWatch

    folder = config.evaluation.drift.log_dir / CANARY_FOLDER
    return DriftWatch(folder, config.paths.output, clock=lambda: datetime.now(UTC))


def _answer(config: Config, watch: DriftWatch, persona: str, reason: str, *, accept: bool) -> None:
    """Record a person's answer and give the webhook a few seconds to take it; what is left goes with the next look."""
    from personalab_core.jobs.alerts import sentinel_of

    sentinel = sentinel_of(config, clock=lambda: datetime.now(UTC))
    (watch.accept if accept else watch.hold)(persona, reason=reason)
    sentinel.notice(persona)
    sentinel.close()


def _say_found(name: str, found: Drift, canaries: Drift | None) -> None:
    from personalab_core.identity.drift.sentences import explanation, headline, named

    say(headline(found.status, name))
    if explanation(found.status):
        say(explanation(found.status))
    if found.open_alarm:
        say(f'Is it normal from now on? personalab drift {found.persona} --accept "why"; or --hold "why".')
    if canaries is not None:
        say(f"Canaries: {headline(canaries.status, name)}")
    if found.events:
        say()
        rows = [
            (
                f"{e.timestamp:%Y-%m-%d %H:%M}",
                e.event.replace("_", " "),
                str(e.number),
                named(e.sentence, e.persona, name),
                e.reason,
            )
            for e in found.events
        ]
        print_table("", ("when (UTC)", "event", "#record", "what", "reason"), rows)
    say()


def _say_summary(summary: DriftSummary) -> None:
    say(f"The newest {summary.n_window} of {summary.n} measured pictures, {summary.evaluator}:")
    say(f"  mean {number(summary.mean_score, 3)}, standard deviation {number(summary.std_score, 3)}")
    say(f"  lowest {number(summary.min_score)}, highest {number(summary.max_score)}")
    say(f"  slope {number(summary.slope, 4)} per record: {summary.trend or 'too few records for a trend'}")
    say("That trend is only the sign of the slope. It also moves where nothing changes and is not an alarm.")


def _document(found: Drift | None) -> dict[str, object] | None:
    if found is None:
        return None
    return {**asdict(found.status), "events": [event.model_dump(mode="json") for event in found.events]}
