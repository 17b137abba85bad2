"""What is added to the prompt of a retry, by the reason for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from personalab_core.errors import InputError
from personalab_core.schemas import PromptPatch, Reason


class PatchCatalogue:
    """Texts per reason, one per level; they escalate.

    Args:
        texts: Level 1 first. Reasons without an entry have no patch.
    """

    def __init__(self, texts: Mapping[Reason, Sequence[str]]) -> None:
        self.texts: Mapping[Reason, tuple[str, ...]] = MappingProxyType(
            {reason: tuple(" ".join(text.split()) for text in levels) for reason, levels in texts.items() if levels}
        )

    def patch_for(self, reason: Reason, level: int) -> PromptPatch | None:
        """Return the patch of a reason, or ``None`` if it has none.

        Args:
            reason: Why the attempt before was not accepted.
            level: 1 for the first retry; beyond the last level, the last one comes back.

        Raises:
            InputError: ``level`` is below 1.
        """
        if level < 1:
            raise InputError(f"A patch level is 1 or more, got {level}.")
        levels = self.texts.get(reason)
        if not levels:
            return None
        level = min(level, len(levels))
        return PromptPatch(reason=reason, level=level, text=levels[level - 1])

    def found_in(self, prompt_text: str) -> tuple[PromptPatch, ...]:
        """Return the patches whose text stands in a prompt, in the catalogue's order."""
        plain = " ".join(prompt_text.split())
        return tuple(
            PromptPatch(reason=reason, level=level, text=text)
            for reason, levels in self.texts.items()
            for level, text in enumerate(levels, start=1)
            if text in plain
        )
