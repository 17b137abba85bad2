"""One picture asked of a provider, and what came back."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from personalab_core.errors import PersonalabError
from personalab_core.schemas import Cost, SubmissionAnswer

_UNKNOWN_COST = Cost()


@dataclass(frozen=True, slots=True, eq=False)
class ReferencePicture:
    """A picture that conditions a request: the selected anchor.

    Attributes:
        path: Where it is.
        relative_path: The same, relative to the references folder, POSIX separators.
        data: Its encoded bytes exactly as they are on disk.
        mime_type: Such as ``image/png``.
        sha256: Of ``data``, hexadecimal.
    """

    path: Path
    relative_path: str
    data: bytes = field(repr=False)
    mime_type: str
    sha256: str


class Ticket(Protocol):
    """Keeps account of the submissions of one call, so that it is never paid twice and never lost.

    Every method that writes returns when the line is on the disk itself.
    """

    @property
    def provider(self) -> str:
        """Name of the provider, for error messages."""
        ...

    def standing(self) -> Standing:
        """Return what is known of an earlier submission of the same call."""
        ...

    def doubt(self) -> Doubt:
        """Return what helps to find the operation that the submission in hand may have started."""
        ...

    def submit(self) -> None:
        """Reserve the money and write that the call is about to be sent.

        Raises:
            BudgetReachedError: It can cost more than is left.
            WorkspaceError: It cannot be written.
        """
        ...

    def accepted(self, operation_id: str) -> None:
        """Write the provider's id of the long operation."""
        ...

    def refused(self, error: PersonalabError) -> None:
        """Write that nothing was carried out."""
        ...

    def failed(self, error: PersonalabError) -> None:
        """Write that it was carried out and came to nothing."""
        ...

    def unanswered(self, error: PersonalabError) -> None:
        """Write that nobody knows whether it was carried out."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class GenerationRequest:
    """One call: the full prompt, the anchor it is conditioned on, and the seed.

    ``anchor`` is ``None`` only for the very first frontal candidates. Without a ``ticket``
    nobody keeps account of the call.
    """

    prompt: str = field(repr=False)
    anchor: ReferencePicture | None
    seed: int | None = None
    ticket: Ticket | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class GenerationResponse:
    """What one call gave.

    Attributes:
        data: The picture's bytes as they came; ``None`` if the provider sent none.
        block_reason: The provider's word for a policy block, if it blocked.
        finish_reason: The provider's word for how it ended.
        request_id: The provider's id of the call.
        model_version: What the provider says answered, if it says so.
        cost: Price, as far as it is known.
        elapsed_s: Wall-clock seconds of the call.
    """

    data: bytes | None = field(repr=False)
    block_reason: str | None = None
    finish_reason: str | None = None
    request_id: str | None = None
    model_version: str | None = None
    cost: Cost = _UNKNOWN_COST
    elapsed_s: float = 0.0

    def accounted(self, path: str | None) -> SubmissionAnswer:
        """Return what the account book keeps of it, stored at ``path`` (``None`` if nothing could be stored)."""
        return SubmissionAnswer(
            path=path,
            sha256=hashlib.sha256(self.data).hexdigest() if self.data is not None else None,
            block_reason=self.block_reason,
            finish_reason=self.finish_reason,
            request_id=self.request_id,
            model_version=self.model_version,
            cost=self.cost,
        )


@dataclass(frozen=True, slots=True)
class Doubt:
    """A submission of which no id is known.

    Attributes:
        since: When it was about to be sent.
        others: Operations of other submissions.
    """

    since: datetime
    others: frozenset[str]


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """What is known of an earlier submission of a call; nothing by default.

    Attributes:
        answer: What it gave.
        operation_id: It runs, or ran, at the provider under this id.
        possibly_paid: It was submitted, nobody knows what became of it, and there is no leave to repeat it.
    """

    answer: GenerationResponse | None = None
    operation_id: str | None = None
    possibly_paid: bool = False
