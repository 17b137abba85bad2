"""What happens while an asset is made, for progress bars and live pages.

Events are for watching. Nothing depends on them: whatever they say is in the records, too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from personalab_core.schemas import AssetOutcome, AttemptRecord, PromptPatch


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    """A provider call is about to be made."""

    persona: str
    asset_id: str
    attempt: int
    max_attempts: int
    patches: tuple[PromptPatch, ...]


@dataclass(frozen=True, slots=True)
class TransportRetried:
    """A provider call failed in a way that may pass; the next try follows after ``wait_s`` seconds."""

    persona: str
    asset_id: str
    attempt: int
    try_number: int
    error: str
    wait_s: float


@dataclass(frozen=True, slots=True)
class PictureStored:
    """A picture came, and is on disk at ``image_path`` (relative to the output folder)."""

    persona: str
    asset_id: str
    attempt: int
    image_path: str
    thumbnail_path: str | None


@dataclass(frozen=True, slots=True)
class AttemptFinished:
    """An attempt is measured, decided and written; ``record`` is the line in the log."""

    record: AttemptRecord


@dataclass(frozen=True, slots=True)
class AssetFinished:
    """No further attempt follows."""

    persona: str
    asset_id: str
    outcome: AssetOutcome
    n_attempts: int
    sentence: str


Event = AttemptStarted | TransportRetried | PictureStored | AttemptFinished | AssetFinished
OnEvent = Callable[[Event], None]
