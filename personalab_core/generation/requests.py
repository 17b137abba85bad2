"""One picture asked of a provider, and what came back."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from personalab_core.schemas import Cost

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


@dataclass(frozen=True, slots=True, eq=False)
class GenerationRequest:
    """One call: the full prompt, the anchor it is conditioned on, and the seed.

    ``anchor`` is ``None`` only for the very first frontal candidates.
    """

    prompt: str = field(repr=False)
    anchor: ReferencePicture | None
    seed: int | None = None


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
