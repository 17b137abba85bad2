"""The account book of a workspace: every call to a provider that may cost money, before it is sent.

What is written here survives ``kill -9``: who comes after knows which calls were never
sent, which run at the provider under which id, which are answered, and which were cut off
and may have been paid. Budgets are checked against the same book under the same lock, so
that jobs running at the same time cannot overspend together.
"""

from __future__ import annotations

import logging
import secrets
import shutil
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from personalab_core.errors import WorkspaceError
from personalab_core.observability.budget import Budget, Spent
from personalab_core.observability.journal import Journal
from personalab_core.observability.line_reader import LineReader
from personalab_core.observability.submission import Call, Submission
from personalab_core.schemas import SubmissionAnswer, SubmissionEvent, SubmissionRecord

SUBMISSIONS_FILE = "submissions.jsonl"

MIN_FREE_BYTES = 32 * 2**20
"""Room that the disk must have for what a call brings: a picture or a short video of many megabytes, several at a
time; not calibrated. What is paid and cannot be stored would be lost."""

_log = logging.getLogger(__name__)


class SubmissionLedger:
    """Writes and reads ``submissions.jsonl``; safe between threads and processes.

    Args:
        path: The file.
        budget: Checked before each submission.
        run_id: Whose ``per_run`` budget pays where a call does not say; drawn if ``None``.
        repeat_unanswered: Leave to repeat what may have been paid.
        clock: Current time, with zone. A budget's day never goes back, whatever it says.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        budget: Budget | None = None,
        run_id: str | None = None,
        repeat_unanswered: bool = False,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.budget = budget or Budget()
        self.run_id = run_id or secrets.token_hex(6)
        self.repeat_unanswered = repeat_unanswered
        self._journal = Journal(path, SubmissionRecord, fsync=True)
        self._reader = LineReader(path)
        self._clock = clock
        self._lock = threading.Lock()
        self._forget()

    @property
    def path(self) -> Path:
        """The file."""
        return self._journal.path

    def submit(self, call: Call, *, bound_usd: float | None) -> str:
        """Reserve what a call can cost and write that it is about to be sent; return the submission's id.

        Args:
            call: What is asked for.
            bound_usd: The most that it can cost; ``None`` if nothing bounds it.

        Raises:
            BudgetReachedError: More than is left; nothing was written.
            WorkspaceError: It cannot be written, or the disk has no room for what will come: do not send the call.
        """
        self._require_room()
        unknown = self.budget.unknown_price_counts_as
        worst_case_usd = 0.0 if call.simulated else unknown if bound_usd is None else bound_usd
        run_id = call.run_id or self.run_id

        def make() -> SubmissionRecord:
            with self._lock:
                self._catch_up()
                now = self._clock()
                day = self._day(now)
                self._spent.check(self.budget, worst_case_usd, run=run_id, persona=call.persona, day=day)
                number = 1 + sum(s.call.attempt_id == call.attempt_id for s in self._of(call.persona, call.asset_id))
            return SubmissionRecord(
                event="submitted",
                timestamp=now,
                submission_id=f"{call.attempt_id}-s{number}",
                persona=call.persona,
                asset_id=call.asset_id,
                attempt_id=call.attempt_id,
                asset_type=call.asset_type,
                run_id=run_id,
                provider=call.provider,
                model=call.model,
                simulated=call.simulated,
                seed=call.seed,
                prompt_hash=call.prompt_hash,
                anchor_sha256=call.anchor_sha256,
                worst_case_usd=worst_case_usd,
            )

        return self._journal.append_made(make).submission_id

    def note(
        self,
        submission_id: str,
        call: Call,
        event: SubmissionEvent,
        *,
        operation_id: str | None = None,
        answer: SubmissionAnswer | None = None,
        error: str | None = None,
    ) -> None:
        """Write what became of a submission.

        Raises:
            WorkspaceError: It cannot be written.
        """
        self._journal.append(
            SubmissionRecord(
                event=event,
                timestamp=self._clock(),
                submission_id=submission_id,
                persona=call.persona,
                asset_id=call.asset_id,
                attempt_id=call.attempt_id,
                asset_type=call.asset_type,
                operation_id=operation_id,
                answer=answer,
                error=error,
            )
        )

    def get(self, submission_id: str) -> Submission | None:
        """Return one submission, ``None`` if there is no such one."""
        with self._lock:
            self._catch_up()
            return self._by_id.get(submission_id)

    def last(self, call: Call) -> Submission | None:
        """Return the newest submission that asked the same, ``None`` if there was none.

        Raises:
            WorkspaceError: The file cannot be read.
        """
        same = [known for known in self.of_asset(call.persona, call.asset_id) if known.call.asks_the_same(call)]
        return same[-1] if same else None

    def of_asset(self, persona: str, asset_id: str) -> tuple[Submission, ...]:
        """Return the submissions for one asset, oldest first."""
        with self._lock:
            self._catch_up()
            return tuple(self._of(persona, asset_id))

    def texts(self, *, persona: str | None = None) -> tuple[Submission, ...]:
        """Return the calls for text, of one persona if asked, oldest first; no other record tells of them."""
        with self._lock:
            self._catch_up()
            known = list(self._by_id.values())
        return tuple(s for s in known if s.call.asset_type == "text" and persona in (None, s.call.persona))

    def possibly_paid(self, *, run_id: str | None = None) -> tuple[Submission, ...]:
        """Return the submissions, of one run if asked, of which nobody knows whether they were carried out."""
        with self._lock:
            self._catch_up()
            known = [s for of_asset in self._by_asset.values() for s in of_asset]
        return tuple(s for s in known if s.possibly_paid and run_id in (None, s.call.run_id))

    def operation_ids(self) -> frozenset[str]:
        """Return the ids of all long operations that are known."""
        with self._lock:
            self._catch_up()
            return frozenset(s.operation_id for s in self._by_id.values() if s.operation_id is not None)

    def release(self, submissions: Iterable[Submission]) -> None:
        """Write a person's leave to repeat these although they may have been paid."""
        for submission in submissions:
            self.note(submission.id, submission.call, "released")

    def spent(self) -> Spent:
        """Return the sums so far; a copy."""
        with self._lock:
            self._catch_up()
            return Spent(self._spent.by_run.copy(), self._spent.by_persona.copy(), self._spent.by_day.copy())

    def _require_room(self) -> None:
        folder = next(folder for folder in self.path.parents if folder.is_dir())
        free = shutil.disk_usage(folder).free
        if free < MIN_FREE_BYTES:
            raise WorkspaceError(
                f"The disk is full: {free / 2**20:.1f} MiB are free at {folder}, and a call is sent only while there "
                f"are {MIN_FREE_BYTES // 2**20} MiB for what it brings. Nothing was sent. Free some space, then resume."
            )

    def _of(self, persona: str, asset_id: str) -> list[Submission]:
        return self._by_asset.get((persona, asset_id), [])

    def _day(self, now: datetime) -> date:
        if self._newest is not None and now < self._newest:
            _log.warning(
                "The clock is %.0f s behind the newest record of %s; budgets go on with the later day.",
                (self._newest - now).total_seconds(),
                self.path,
            )
            now = self._newest
        return now.astimezone(UTC).date()

    def _forget(self) -> None:
        self._by_id: dict[str, Submission] = {}
        self._by_asset: dict[tuple[str, str], list[Submission]] = {}
        self._spent = Spent()
        self._newest: datetime | None = None

    def _catch_up(self) -> None:
        first = True
        for line in self._reader.new_lines():
            if first and self._reader.restarted:
                self._forget()
            first = False
            fields = line.fields()
            if fields is not None and fields.get("kind") == "submission":
                self._take(fields)

    def _take(self, fields: dict[str, Any]) -> None:
        when = datetime.fromisoformat(fields["timestamp"])
        self._newest = when if self._newest is None else max(when, self._newest)
        if fields["event"] == "submitted":
            self._add(fields)
            return
        submission = self._by_id.get(fields["submission_id"])
        if submission is None:
            return
        self._count(submission, -submission.counts_usd)
        submission.event = fields["event"]
        submission.operation_id = fields["operation_id"] or submission.operation_id
        submission.error = fields["error"] or submission.error
        if fields["answer"] is not None:
            submission.answer = SubmissionAnswer.model_validate(fields["answer"])
        self._count(submission, submission.counts_usd)

    def _add(self, fields: dict[str, Any]) -> None:
        names = ("persona", "asset_id", "attempt_id", "provider", "model", "simulated", "seed", "prompt_hash")
        more = ("anchor_sha256", "asset_type", "run_id")
        call = Call(**{name: fields[name] for name in (*names, *more)})
        day = (self._newest or datetime.now(UTC)).astimezone(UTC).date()
        when = datetime.fromisoformat(fields["timestamp"])
        submission = Submission(fields["submission_id"], call, "submitted", day, fields["worst_case_usd"], when)
        self._by_id[submission.id] = submission
        self._by_asset.setdefault((call.persona, call.asset_id), []).append(submission)
        self._count(submission, submission.counts_usd)

    def _count(self, submission: Submission, amount_usd: float) -> None:
        call = submission.call
        self._spent.add(amount_usd, run=str(call.run_id), persona=call.persona, day=submission.day)
