"""A ticket that is written into the workspace's ledger of submissions."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from personalab_core.config import Config
from personalab_core.errors import PersonalabError
from personalab_core.generation.requests import Doubt, GenerationResponse, Standing
from personalab_core.llm.prices import worst_case_price
from personalab_core.observability.budget import Budget
from personalab_core.observability.ledger import SUBMISSIONS_FILE, SubmissionLedger
from personalab_core.observability.submission import Call, Submission
from personalab_core.schemas import SubmissionAnswer, SubmissionEvent

FindFile = Callable[[str], Path | None]
"""Finds what an attempt of that id has stored."""


class LedgerTicket:
    """Account of one attempt's call in a :class:`SubmissionLedger`; see :class:`Ticket`.

    Args:
        ledger: The account book.
        call: What is asked for.
        output_dir: Folder that stored answers are relative to.
        stored: Finds the file that an attempt has stored.
        resolution: Of videos, for the price.
    """

    def __init__(
        self,
        ledger: SubmissionLedger,
        call: Call,
        *,
        output_dir: Path,
        stored: FindFile,
        resolution: str | None = None,
    ) -> None:
        self._ledger = ledger
        self._call = call
        self._output_dir = output_dir
        self._stored = stored
        self._resolution = resolution
        self._id: str | None = None
        self._sent_here = False

    @property
    def provider(self) -> str:
        """Name of the provider."""
        return self._call.provider

    @property
    def worst_case_usd(self) -> float | None:
        """What the submission in hand counts as until its price is known; ``None`` before there is one."""
        known = self._submission()
        return known.worst_case_usd if known else None

    def standing(self) -> Standing:
        """Return what is known of an earlier submission of the same call."""
        earlier = self._ledger.last(self._call)
        if earlier is None or earlier.event in {"refused", "failed"}:
            return Standing()
        self._id, own = earlier.id, self._sent_here and earlier.id == self._id
        if earlier.event == "answered" and (answer := self._answer_of(earlier)) is not None:
            return Standing(answer=answer)
        if earlier.operation_id is not None and earlier.event not in {"unanswered", "released"}:
            return Standing(operation_id=earlier.operation_id)
        if (adopted := self._stored(earlier.call.attempt_id)) is not None:
            # The file was stored whole; only the line that says so is missing.
            return Standing(answer=GenerationResponse(data=adopted.read_bytes()))
        if own or earlier.event == "released" or self._ledger.repeat_unanswered:
            # Within one run the retry policy has decided whether the next try is made.
            return Standing()
        return Standing(possibly_paid=True)

    def doubt(self) -> Doubt:
        """Return when the submission in hand was about to be sent, and which operations belong to others."""
        known = self._submission()
        if known is None:
            raise ValueError("nothing was submitted")
        return Doubt(known.submitted_at, self._ledger.operation_ids())

    def submit(self) -> None:
        """Reserve the money and write that the call is about to be sent."""
        call = self._call
        bound = worst_case_price(
            call.provider,
            call.model,
            call.asset_type,
            size=self._resolution,
            n_references=0 if call.anchor_sha256 is None else 1,
        )
        self._id = self._ledger.submit(call, bound_usd=bound.amount_usd if bound else None)
        self._sent_here = True

    def accepted(self, operation_id: str) -> None:
        """Write the provider's id of the long operation."""
        self._note("accepted", operation_id=operation_id)

    def refused(self, error: PersonalabError) -> None:
        """Write that nothing was carried out."""
        self._note("refused", error=_sentence(error))

    def failed(self, error: PersonalabError) -> None:
        """Write that it was carried out and came to nothing."""
        self._note("failed", error=_sentence(error))

    def unanswered(self, error: PersonalabError) -> None:
        """Write that nobody knows whether it was carried out."""
        self._note("unanswered", error=_sentence(error))

    def answered(self, answer: SubmissionAnswer) -> None:
        """Write what came, once it is stored; nothing if that is known already."""
        known = self._submission()
        if known is not None and known.answer != answer:
            self._note("answered", answer=answer)

    def _note(
        self,
        event: SubmissionEvent,
        *,
        operation_id: str | None = None,
        answer: SubmissionAnswer | None = None,
        error: str | None = None,
    ) -> None:
        if self._id is not None:
            self._ledger.note(self._id, self._call, event, operation_id=operation_id, answer=answer, error=error)

    def _submission(self) -> Submission | None:
        return self._ledger.get(self._id) if self._id is not None else None

    def _answer_of(self, earlier: Submission) -> GenerationResponse | None:
        """Return an answer that was stored; ``None`` if the file is gone or another one now."""
        answer = earlier.answer
        if answer is None:
            return None
        data = None
        if answer.sha256 is not None:
            file = self._output_dir / answer.path if answer.path else None
            data = file.read_bytes() if file is not None and file.is_file() else b""
            if hashlib.sha256(data).hexdigest() != answer.sha256:
                return None
        return GenerationResponse(
            data=data,
            block_reason=answer.block_reason,
            finish_reason=answer.finish_reason,
            request_id=answer.request_id,
            model_version=answer.model_version,
            cost=answer.cost,
        )


def open_ledger(config: Config, *, output_dir: str | Path | None = None, run_id: str | None = None) -> SubmissionLedger:
    """Return the ledger of a workspace with the budget of its configuration.

    Args:
        config: Settings in force.
        output_dir: The workspace's output folder; that of ``config`` if ``None``.
        run_id: Whose ``per_run`` budget pays.
    """
    limits = config.budget
    return SubmissionLedger(
        Path(output_dir or config.paths.output) / SUBMISSIONS_FILE,
        budget=Budget(limits.per_run, limits.per_persona, limits.per_day, limits.unknown_price_counts_as),
        run_id=run_id,
        repeat_unanswered=config.runtime.retry.retry_ambiguous,
    )


def _sentence(error: PersonalabError) -> str:
    return f"{type(error).__name__}: {error}"
