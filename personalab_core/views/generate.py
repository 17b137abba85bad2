"""Generate: is the run getting there, and what does it cost?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from pydantic import JsonValue

from personalab_core.jobs import BatchParams, GenerateImagesParams, Job
from personalab_core.schemas import AssetOutcome, AttemptRecord, Decision
from personalab_core.views import numbers, words
from personalab_core.views.history import Asset, PersonaHistory, group_assets
from personalab_core.views.lanes import Lane, lane_of, working_step
from personalab_core.views.pictures import Picture
from personalab_core.views.runs import failure, run_mark, time_left


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


def attempts_of(history: PersonaHistory, job_id: str) -> list[AttemptRecord]:
    """Return the attempts that a job has made so far."""
    return list(history.attempts.of_job(job_id))


def build_run_view(
    history: PersonaHistory,
    job: Job,
    *,
    rules: Rules,
    budget_usd: float | None = None,
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
        simulated: Whether the pictures come from the simulator.
        now: Current time (UTC).
        zone: The viewer's time zone.
    """
    attempts = attempts_of(history, job.id)
    assets = group_assets(attempts)
    answer, detail = _sentences(job, assets, now=now)
    return RunView(
        job_id=job.id,
        answer=answer,
        detail=detail,
        mark=run_mark(job),
        lanes=_lanes(history, job, assets, rules),
        anchor=history.anchor_picture if history.anchor else None,
        progress=job.done / job.total if job.total else 0.0,
        facts=_facts(job, attempts, rules, budget_usd, now=now, zone=zone),
        rules=_rules(job, rules),
        log=tuple(_log_line(r, assets, zone) for r in attempts[-40:]),
        active=job.active,
        resumable=job.resumable,
        paused=job.state == "paused",
        budget_usd=budget_usd,
        simulated=simulated,
    )


def _lanes(history: PersonaHistory, job: Job, assets: Sequence[Asset], rules: Rules) -> tuple[Lane, ...]:
    running = job.state in {"running", "cancelling"}
    begun = [
        lane_of(asset, n, name=history.name, working=running and n == len(assets)) for n, asset in enumerate(assets, 1)
    ]
    n_next = len(begun) + 1
    if running and n_next <= job.total and all(asset.outcome is not None for asset in assets):
        step = working_step(1, most=rules.max_attempts)
        begun.append(Lane(f"Asset {n_next}", "", words.Mark("busy", "Generating"), (step,)))
        n_next += 1
    waiting = job.total - n_next + 1
    if waiting > 0:
        begun.append(_waiting(n_next, job, running=job.active))
    return tuple(begun)


def _waiting(first: int, job: Job, *, running: bool) -> Lane:
    last = job.total
    title = f"Asset {first}" if first == last else f"Assets {first} to {last}"
    if not running:
        word = "Cancelled" if job.state == "cancelled" else "Not begun"
        return Lane(title, "", words.Mark("unmeasured", word), (), "Resume goes on here." if job.resumable else "")
    after = f"Starts when asset {first - 1} is decided." if first > 1 else "Starts as soon as a place is free."
    return Lane(title, "", words.Mark("busy", "Waiting"), (), after)


def _sentences(job: Job, assets: Sequence[Asset], *, now: datetime) -> tuple[str, str]:
    n_accepted = sum(asset.accepted for asset in assets)
    accepted = f"{numbers.count(n_accepted)} of {numbers.plural(job.total, 'asset')} accepted"
    if job.state == "queued":
        return "The run waits for a free place.", f"It starts by itself. {words.GOES_ON}"
    if job.state == "running":
        left = time_left(job, now=now)
        about = f" {left}." if left.startswith("About") else ""
        return f"{accepted}{_present(assets, job)}.", f"Nothing for you to do.{about} {words.GOES_ON}"
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


def _present(assets: Sequence[Asset], job: Job) -> str:
    open_now = [n for n, asset in enumerate(assets, 1) if asset.outcome is None]
    if open_now:
        return f", the {numbers.ordinal(open_now[-1])} is being tried again"
    if len(assets) < job.total:
        return f", the {numbers.ordinal(len(assets) + 1)} is being made"
    return ""


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
    job: Job, attempts: Sequence[AttemptRecord], rules: Rules, budget_usd: float | None, *, now: datetime, zone: tzinfo
) -> tuple[tuple[str, str], ...]:
    n_accepted = sum(r.decision is Decision.ACCEPT for r in attempts)
    rows = [("Accepted", f"{n_accepted} of {job.total}")]
    rows.append(("Attempts", f"{len(attempts)} of at most {job.total * rules.max_attempts}"))
    of = f" of {numbers.money(budget_usd)}" if budget_usd is not None else ""
    rows.append(("Spent", f"{_spent(attempts)}{of}"))
    if job.started_at:
        started = numbers.when(job.started_at, now=now, zone=zone)
        ago = numbers.ago(job.started_at, now=now, zone=zone)
        rows.append(("Started", f"{started}, {ago}" if "ago" in ago or ago == "just now" else started))
    if job.finished_at:
        rows.append(("Ended", numbers.when(job.finished_at, now=now, zone=zone)))
    return tuple(rows)


def _spent(attempts: Sequence[AttemptRecord]) -> str:
    if attempts and all(r.context.simulated for r in attempts):
        return "$0.00, simulated"
    return numbers.money(numbers.total_usd(r.cost.amount_usd for r in attempts))


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


def _log_line(record: AttemptRecord, assets: Sequence[Asset], zone: tzinfo) -> str:
    number = next(n for n, asset in enumerate(assets, 1) if asset.asset_id == record.asset_id)
    value = f" {record.scores.composite:.2f}" if record.scores.composite is not None else ""
    mark = words.decision_mark(record).word.lower()
    return f"{record.timestamp.astimezone(zone):%H:%M:%S} asset {number} attempt {record.attempt}: {mark}{value}"
