"""Takes an asset up where an earlier run of the same job left it, from what is on disk.

The loop decides from its answers alone, so it is brought to the same state by telling it
the recorded verdicts again: equal seeds, prompts and patches follow. Nothing is measured,
asked or written twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from personalab_core.observability.submission import Submission
from personalab_core.orchestration.asset_run import AssetRun, Surroundings
from personalab_core.orchestration.attempt_record import Asset
from personalab_core.orchestration.loop import AttemptLoop, Generate
from personalab_core.schemas import AssetOutcome, AttemptRecord, PolicyVerdict

_OPEN = (AssetOutcome.CANCELLED, AssetOutcome.FAILED)
"""Outcomes after which an asset may go on."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """What is on paper of earlier runs over an asset: submissions and finished attempts, oldest first."""

    submissions: Sequence[Submission]
    attempts: Sequence[AttemptRecord]

    @property
    def open_run(self) -> str | None:
        """Id of a run that a crash ended: it is continued under its own name. ``None`` if the last one ended."""
        run_id = self.submissions[-1].call.attempt_id.rpartition("-a")[0]
        ended = any(is_open(r) and r.attempt_id.startswith(f"{run_id}-a") for r in self.attempts)
        return None if ended else run_id


def resumed(asset: Asset, loop: AttemptLoop, around: Surroundings, earlier: Earlier) -> AssetRun:
    """Return the run over an asset, past everything that earlier runs have finished.

    Raises:
        WorkspaceError: A file cannot be read or written.
    """
    asset = replace(asset, run_id=earlier.open_run or asset.run_id)
    past = replay(loop, earlier.attempts, asset)
    if past:
        around.recorder.complete(past[-1])
    step = loop.step
    if isinstance(step, Generate) and (last := broken_off(earlier.attempts, step, asset)) is not None:
        ticket = around.ticket(asset, step)
        if ticket is not None and ticket.standing().possibly_paid:
            # It is on record as failed, and as possibly paid: once is enough.
            sentence = (
                f"Attempt {step.attempt} of {loop.max_attempts} may have been paid and is not repeated without leave."
            )
            loop.settle(AssetOutcome.FAILED, sentence)
            past = (*past, last)
    return AssetRun(asset, loop, around, past)


def replay(loop: AttemptLoop, past: Sequence[AttemptRecord], asset: Asset) -> tuple[AttemptRecord, ...]:
    """Bring ``loop`` past every attempt that is on record, and return their records.

    Attempts that are still open are left out: they are the ones to be made now, from the answer that is on
    disk if there is one. So are those of another job under the same name, which asked for something else.
    """
    taken: list[AttemptRecord] = []
    for record in past:
        step = loop.step
        if not isinstance(step, Generate):
            break
        if is_open(record) or not asks_the_same(record, step, asset):
            continue
        verdict = PolicyVerdict(
            decision=record.decision, reason=record.reason, sentence=record.sentence, part=record.part
        )
        loop.replayed(verdict, None if record.outcome in _OPEN else record.outcome)
        taken.append(record)
    return tuple(taken)


def is_open(record: AttemptRecord) -> bool:
    """Return whether an attempt ended without being judged: it broke off, or the evaluator failed on what came.

    Where nothing can measure (metric ``none``), *unmeasured* is all that can be said, and nothing is left open.
    """
    instrument = record.evaluator
    unmeasured = record.outcome is AssetOutcome.UNMEASURED and instrument is not None and instrument.metric != "none"
    return record.error is not None or unmeasured


def broken_off(past: Sequence[AttemptRecord], step: Generate, asset: Asset) -> AttemptRecord | None:
    """Return the newest record of this very attempt, if it broke off."""
    same = (r for r in reversed(past) if r.error is not None and asks_the_same(r, step, asset))
    return next(same, None)


def asks_the_same(record: AttemptRecord, step: Generate, asset: Asset) -> bool:
    """Return whether a record is of this step: same provider, model, seed, prompt and anchor."""
    recorded, asked = record.context, asset.context
    return (record.attempt, recorded.seed, record.prompt_hash, record.anchor_sha256, record.asset_type) == (
        step.attempt,
        step.seed,
        step.prompt.prompt_hash,
        asset.anchor.sha256,
        asset.asset_type,
    ) and (recorded.provider, recorded.model) == (asked.provider, asked.model)
