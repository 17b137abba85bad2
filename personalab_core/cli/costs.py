"""``personalab costs``: what was spent, per persona, provider and accepted asset."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from personalab_core.cli.context import JsonOption, chosen, note, print_json, print_table, say

if TYPE_CHECKING:
    from personalab_core.config import Config
    from personalab_core.observability.spending import Spending
    from personalab_core.schemas import AnchorRecord, AttemptRecord


def costs(
    context: typer.Context,
    *,
    persona: Annotated[str | None, typer.Argument(metavar="[PERSONA]", help="One persona only.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Sum what was spent per persona, provider, model and accepted asset, anchors, plans and prompts included.

    Prices are what the providers answered, else list prices with a date. A price that is
    not known is counted as unknown, never as nothing. Example: personalab costs
    """
    from personalab_core.generation.ticket import open_ledger
    from personalab_core.observability.spending import spending, total

    config = chosen(context).load()
    attempts, anchors = list(_attempts(config, persona)), list(_anchors(config, persona))
    texts = open_ledger(config).texts(persona=persona)
    everything = total(attempts, anchors=anchors, texts=texts)
    groups = {by: spending(attempts, by=by, anchors=anchors, texts=texts) for by in ("persona", "provider", "model")}
    if as_json:
        rows = {f"by_{by}": [_document(one) for one in found] for by, found in groups.items()}
        print_json({"total": _document(everything), **rows})
    elif not (everything.attempts or everything.anchor_calls or everything.text_calls):
        say("No attempt yet, so nothing was spent.")
    else:
        for by, found in groups.items():
            print_table("", (by, *_COLUMNS), map(_row, found))
            say()
        print_table("", ("", *_COLUMNS), [_row(everything)])
        if not everything.is_complete:
            note(_doubt(everything))


_COLUMNS = (
    "#attempts",
    "#anchors",
    "#texts",
    "#accepted",
    "#spent",
    "#per accepted",
    "#price unknown",
    "#possibly paid",
)


def _attempts(config: Config, persona: str | None) -> Iterator[AttemptRecord]:
    """Yield the attempts of one persona, or of all that have records, also of personas since deleted."""
    from personalab_core.config import PersonaStore
    from personalab_core.identity.drift.watch import CANARY_FOLDER
    from personalab_core.observability import GenerationMetricsLogger

    if persona is not None:
        PersonaStore(config.paths.personas).get(persona)
    for folder in (config.paths.output, config.paths.output / CANARY_FOLDER):
        log = GenerationMetricsLogger(folder)
        found = sorted(path.parent.name for path in folder.glob("*/metrics.jsonl"))
        for name in [persona] if persona else found:
            yield from log.read_log(name)
            for problem in log.problems(name):
                note(str(problem))


def _anchors(config: Config, persona: str | None) -> Iterator[AnchorRecord]:
    """Yield the records of reference pictures of one persona, or of all that have some."""
    from personalab_core.identity import ANCHORS_LOG
    from personalab_core.observability import Journal
    from personalab_core.schemas import AnchorRecord

    for path in sorted(config.paths.references.glob(f"{persona or '*'}/anchors/{ANCHORS_LOG}")):
        contents = Journal(path, AnchorRecord).read()
        yield from contents.records
        for problem in contents.problems:
            note(str(problem))


def _row(one: Spending) -> tuple[str, ...]:
    per_accepted = one.per_accepted_usd
    at_least = "" if one.is_complete else "≥ "
    return (
        one.name,
        str(one.attempts),
        str(one.anchor_calls),
        str(one.text_calls),
        str(one.accepted),
        "unknown" if one.known_usd is None else f"{at_least}${one.known_usd:,.2f}",
        "–" if per_accepted is None else f"{at_least}${per_accepted:,.3f}",
        str(one.n_unknown),
        str(one.n_possibly_paid),
    )


def _doubt(everything: Spending) -> str:
    most = f" (at most ${everything.worst_case_usd:,.2f} more)" if everything.worst_case_usd else ""
    return (
        f"The sums are lower bounds: the price of {everything.n_unknown} calls is not known{most}, "
        f"and {everything.n_possibly_paid} were never answered but may have been charged. "
        "The provider's invoice is what counts."
    )


def _document(one: Spending) -> dict[str, Any]:
    return {**asdict(one), "per_accepted_usd": one.per_accepted_usd, "is_complete": one.is_complete}
