"""What is added to the prompt of a retry, by the reason for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from personalab_core.errors import InputError
from personalab_core.schemas import FacePart, PromptPatch, Reason


class PatchCatalogue:
    """Texts per reason, one per level; they escalate.

    Args:
        texts: Level 1 first. Reasons without an entry have no patch.
        parts: The same for parts of the face.
    """

    def __init__(
        self, texts: Mapping[Reason, Sequence[str]], parts: Mapping[FacePart, Sequence[str]] | None = None
    ) -> None:
        self.texts: Mapping[Reason, tuple[str, ...]] = MappingProxyType(
            {reason: _plain(levels) for reason, levels in texts.items() if levels}
        )
        self.parts: Mapping[FacePart, tuple[str, ...]] = MappingProxyType(
            {part: _plain(levels) for part, levels in (parts or {}).items() if levels}
        )

    def patch_for(self, reason: Reason, level: int) -> PromptPatch | None:
        """Return the patch of a reason, or ``None`` if it has none.

        Args:
            reason: Why the attempt before was not accepted.
            level: 1 for the first retry; beyond the last level, the last one comes back.

        Raises:
            InputError: ``level`` is below 1.
        """
        return _chosen(self.texts.get(reason, ()), reason, level)

    def part_patch(self, part: FacePart, level: int) -> PromptPatch | None:
        """Return the patch of a part of the face whose proportions are off, or ``None`` if it has none.

        Raises:
            InputError: ``level`` is below 1.
        """
        return _chosen(self.parts.get(part, ()), Reason.GEOMETRY_OFF, level, part)

    def found_in(self, prompt_text: str) -> tuple[PromptPatch, ...]:
        """Return the patches whose text stands in a prompt, in the catalogue's order."""
        plain = " ".join(prompt_text.split())
        every: list[tuple[Reason, FacePart | None, Sequence[str]]] = [
            (reason, None, levels) for reason, levels in self.texts.items()
        ]
        every += [(Reason.GEOMETRY_OFF, part, levels) for part, levels in self.parts.items()]
        return tuple(
            PromptPatch(reason=reason, level=level, text=text, part=part)
            for reason, part, levels in every
            for level, text in enumerate(levels, start=1)
            if text in plain
        )


def _plain(levels: Sequence[str]) -> tuple[str, ...]:
    return tuple(" ".join(text.split()) for text in levels)


def _chosen(levels: Sequence[str], reason: Reason, level: int, part: FacePart | None = None) -> PromptPatch | None:
    if level < 1:
        raise InputError(f"A patch level is 1 or more, got {level}.")
    if not levels:
        return None
    level = min(level, len(levels))
    return PromptPatch(reason=reason, level=level, text=levels[level - 1], part=part)
