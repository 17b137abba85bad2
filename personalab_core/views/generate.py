"""Generate: is the run getting there, and what does it cost?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from pydantic import JsonValue

from personalab_core.config import Config
from personalab_core.jobs import BatchParams, GenerateImagesParams, Job
from personalab_core.schemas import AssetOutcome, AttemptRecord
from personalab_core.views import numbers, words
from personalab_core.views.history import Asset, PersonaHistory, group_assets, spent_on
from personalab_core.views.lanes import Lane, lane_of, working_step
from personalab_core.views.pictures import Picture
from personalab_core.views.run_choice import SIMULATED
from personalab_core.views.runs import failure, run_mark, time_left

LOG = 40
"""Lines of a run's log that its page shows, the newest last."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Thresholds and limits of a run."""

    accept_threshold: float
    retry_threshold: float
    max_attempts: int


@dataclass(frozen=True, slots=True)
class RunView:
    """One run of pictures, live or ended."""

    job_id: str
    answer: str
    detail: str
    mark: words.Mark
    lanes: tuple[Lane, ...]
    anchor: Picture | None
    progress: float
    facts: tuple[tuple[str, str], ...]
    rules: tuple[tuple[str, str], ...]
    log: tuple[str, ...]
    active: bool
    resumable: bool
    paused: bool
    budget_usd: float | None
    simulated: bool


def build_run_view(
    history: PersonaHistory,
    job: Job,
    *,
    rules: Rules,
    budget_usd: float | None = None,
    at_once: int = 1,
    simulated: bool,
    now: datetime,
    zone: tzinfo,
) -> RunView:
    """Return a run of pictures as lanes.

    Args:
        history: The persona it is for.
        job: Its row.
        rules: Thresholds and limits the run works with.
        budget_usd: What it may cost at most, if that is limited.
        at_once: How many assets are made at the same time.
        simulated: Whether all that it makes comes from the simulator.
        now: Current time (UTC).
        zone: The viewer's time zone.
    """
    assets = _numbered(job, group_assets(history.attempts.of_job(job.id), history.attempts.overrides))
    answer, detail = _sentences(job, assets, at_once, now=now)
    return RunView(
        job_id=job.id,
        answer=answer,
        detail=detail,
        mark=run_mark(job),
        lanes=_lanes(history, job, assets, rules, at_once),
        anchor=history.anchor_picture if history.anchor else None,
        progress=job.done / job.total if job.total else 0.0,
        facts=_facts(job, assets, rules, budget_usd, now=now, zone=zone),
        rules=_rules(job, rules),
        log=_log_lines(assets, zone),
        active=job.active,
        resumable=job.resumable,
        paused=job.state == "paused",
        budget_usd=budget_usd,
        simulated=simulated,
    )


def _numbered(job: Job, assets: Sequence[Asset]) -> dict[int, Asset]:
    """Return the assets by their place in the run, from 1. Several are made at once, so any may have begun first."""
    own = f"{job.id}-"
    places = [asset.asset_id.removeprefix(own) for asset in assets if asset.asset_id.startswith(own)]
    if len(places) < len(assets) or not all(place.isdigit() for place in places):
        return dict(enumerate(assets, 1))
    return dict(sorted((int(place) + 1, asset) for place, asset in zip(places, assets, strict=True)))


def _under_way(job: Job, assets: Mapping[int, Asset], at_once: int) -> int:
    """Return how many assets are being made at this moment; a place that gets free is taken at once."""
    n_ended = sum(asset.outcome is not None for asset in assets.values())
    return min(at_once, job.total - n_ended) if job.state in {"running", "cancelling"} else 0


def _lanes(
    history: PersonaHistory, job: Job, assets: Mapping[int, Asset], rules: Rules, at_once: int
) -> tuple[Lane, ...]:
    running = job.state in {"running", "cancelling"}
    lanes = {n: lane_of(asset, n, name=history.name, working=running) for n, asset in assets.items()}
    not_begun = [n for n in range(1, job.total + 1) if n not in assets]
    n_open = sum(asset.outcome is None for asset in assets.values())
    n_first = max(0, _under_way(job, assets, at_once) - n_open)
    for n in not_begun[:n_first]:
        step = working_step(1, most=rules.max_attempts)
        lanes[n] = Lane(f"Asset {n}", "", words.Mark("busy", "Generating"), (step,))
    begun = tuple(lanes[n] for n in sorted(lanes))
    waiting = not_begun[n_first:]
    return (*begun, _waiting(waiting, job, at_once)) if waiting else begun


def _waiting(places: Sequence[int], job: Job, at_once: int) -> Lane:
    first, last = places[0], places[-1]
    title = f"Asset {first}" if first == last else f"Assets {first} to {last}"
    if last - first + 1 != len(places):
        title = f"{len(places)} more assets"
    if not job.active:
        word = "Cancelled" if job.state == "cancelled" else "Not begun"
        return Lane(title, "", words.Mark("unmeasured", word), (), "Resume goes on here." if job.resumable else "")
    return Lane(title, "", words.Mark("busy", "Waiting"), (), _starts_when(first, job, at_once))


def _starts_when(first: int, job: Job, at_once: int) -> str:
    if job.state == "queued":
        return "Starts as soon as a place is free."
    if at_once == 1:
        return f"Starts when asset {first - 1} is decided."
    return f"{numbers.spelled(at_once)} are made at the same time; the next one starts when one of them is decided."


def _sentences(job: Job, numbered: Mapping[int, Asset], at_once: int, *, now: datetime) -> tuple[str, str]:
    assets = list(numbered.values())
    n_accepted = sum(asset.accepted for asset in assets)
    accepted = f"{numbers.count(n_accepted)} of {numbers.plural(job.total, 'asset')} accepted"
    if job.state == "queued":
        return "The run waits for a free place.", f"It starts by itself. {words.GOES_ON}"
    if job.state == "running":
        left = time_left(job, now=now)
        about = f" {left}." if left.startswith("About") else ""
        return f"{accepted}{_present(numbered, job, at_once)}.", f"Nothing for you to do.{about} {words.GOES_ON}"
    if job.state == "cancelling":
        return f"Stopping: {accepted}.", "The present step is finished first; nothing is lost."
    if job.state == "cancelled":
        kept = numbers.plural(len(assets), "asset")
        return f"Cancelled: {accepted}.", f"{kept} {'is' if len(assets) == 1 else 'are'} kept; nothing more is spent."
    if job.state == "lost":
        safe = f"{job.done} of {numbers.plural(job.total, 'asset')} are safe."
        return "The run stopped when its process ended.", f"{safe} Resume goes on with the next."
    if job.state == "failed":
        return f"The run failed: {accepted}.", failure(job)
    if job.state == "paused":
        return f"The run waits for you: {accepted}.", failure(job)
    return f"{accepted}.", _ended(assets)


def _present(assets: Mapping[int, Asset], job: Job, at_once: int) -> str:
    n = _under_way(job, assets, at_once)
    if n != 1:
        return f", {numbers.spelled(n).lower()} are being made" if n else ""
    tried = next((place for place, asset in assets.items() if asset.outcome is None), None)
    if tried is not None:
        return f", the {numbers.ordinal(tried)} is being tried again"
    begins = next(place for place in range(1, job.total + 1) if place not in assets)
    return f", the {numbers.ordinal(begins)} is being made"


def _ended(assets: Sequence[Asset]) -> str:
    lost = [asset for asset in assets if not asset.accepted]
    if not assets:
        return "No attempt of this run could be read."
    if not lost:
        tries = sum(len(asset.attempts) for asset in assets)
        return f"Every asset shows the same person, in {numbers.plural(tries, 'attempt')}."
    exhausted = sum(asset.outcome is AssetOutcome.EXHAUSTED for asset in lost)
    if exhausted == len(lost):
        return f"{numbers.spelled(exhausted)} {'asset has' if exhausted == 1 else 'assets have'} no attempt left."
    return f"{numbers.spelled(len(lost))} ended without an accepted picture."


def _facts(
    job: Job,
    assets: Mapping[int, Asset],
    rules: Rules,
    budget_usd: float | None,
    *,
    now: datetime,
    zone: tzinfo,
) -> tuple[tuple[str, str], ...]:
    attempts = [attempt for asset in assets.values() for attempt in asset.attempts]
    rows = [("Accepted", f"{sum(asset.accepted for asset in assets.values())} of {job.total}")]
    rows.append(("Attempts", f"{len(attempts)} of at most {job.total * rules.max_attempts}"))
    of = f" of {numbers.money(budget_usd)}" if budget_usd is not None else ""
    rows.append(("Spent", f"{spent_on(attempts, nothing='nothing yet')}{of}"))
    if job.started_at:
        started = numbers.when(job.started_at, now=now, zone=zone)
        ago = numbers.ago(job.started_at, now=now, zone=zone)
        rows.append(("Started", f"{started}, {ago}" if "ago" in ago or ago == "just now" else started))
    if job.finished_at:
        rows.append(("Ended", numbers.when(job.finished_at, now=now, zone=zone)))
    return tuple(rows)


def _rules(job: Job, rules: Rules) -> tuple[tuple[str, str], ...]:
    rows = [
        ("Accept from", numbers.score(rules.accept_threshold)),
        ("Reject below", numbers.score(rules.retry_threshold)),
        ("Attempts per asset", str(rules.max_attempts)),
    ]
    seed = seed_of(job)
    return tuple(rows if seed is None else [*rows, ("Seed", str(seed))])


def seed_of(job: Job) -> int | None:
    """Return the seed a run of pictures was started with."""
    params = params_of(job)
    if isinstance(params, BatchParams):
        return params.items[0].seed
    return params.seed if params else None


def params_of(job: Job) -> GenerateImagesParams | BatchParams | None:
    """Return the parameters of a run of pictures, or ``None`` for another kind of job or an unreadable row."""
    kinds: dict[str, type[GenerateImagesParams | BatchParams]] = {
        "generate_images": GenerateImagesParams,
        "batch": BatchParams,
    }
    if job.kind not in kinds:
        return None
    try:
        params = kinds[job.kind].model_validate_json(job.params_json)
    except ValueError:
        return None
    return params if isinstance(params, GenerateImagesParams | BatchParams) else None


def budget_of(job: Job, default: float | None) -> float | None:
    """Return what a run may cost at most in US dollars, or ``None`` without a limit."""
    params = params_of(job)
    value = params.overrides.get("budget.per_run", default) if params else default
    return float(value) if isinstance(value, int | float) else None


def all_simulated(job: Job, config: Config) -> bool:
    """Return whether everything that a run makes comes from the simulator, with what was changed for this run."""
    params = params_of(job)
    changed = params.overrides if params else {}
    items = params.items if isinstance(params, BatchParams) else ()
    kinds = {item.asset_type for item in items} or {"image"}
    return all(changed.get(f"models.{kind}.provider", config.provider(kind)) == SIMULATED for kind in kinds)


_ACCEPT, _RETRY, _MOST = (
    "evaluation.scoring.accept_threshold",
    "evaluation.scoring.retry_threshold",
    "evaluation.retry.max_attempts",
)


def rules_of(job: Job, default: Rules) -> Rules:
    """Return the rules a run works with: the configuration's, with what was changed for this run."""
    params = params_of(job)
    changed = params.overrides if params else {}
    return Rules(
        accept_threshold=float(str(changed.get(_ACCEPT, default.accept_threshold))),
        retry_threshold=float(str(changed.get(_RETRY, default.retry_threshold))),
        max_attempts=int(str(changed.get(_MOST, default.max_attempts))),
    )


def overrides_of(rules: Rules, default: Rules) -> dict[str, JsonValue]:
    """Return what differs from the configuration, as dotted settings for the job."""
    pairs: tuple[tuple[str, float, float], ...] = (
        (_ACCEPT, rules.accept_threshold, default.accept_threshold),
        (_RETRY, rules.retry_threshold, default.retry_threshold),
        (_MOST, rules.max_attempts, default.max_attempts),
    )
    return {key: value for key, value, standard in pairs if value != standard}


def _log_lines(assets: Mapping[int, Asset], zone: tzinfo) -> tuple[str, ...]:
    made = [(attempt, n) for n, asset in assets.items() for attempt in asset.attempts]
    return tuple(_log_line(attempt, n, zone) for attempt, n in sorted(made, key=lambda one: one[0].timestamp)[-LOG:])


def _log_line(record: AttemptRecord, number: int, zone: tzinfo) -> str:
    value = f" {record.scores.composite:.2f}" if record.scores.composite is not None else ""
    mark = words.decision_mark(record).word.lower()
    return f"{record.timestamp.astimezone(zone):%H:%M:%S} asset {number} attempt {record.attempt}: {mark}{value}"
