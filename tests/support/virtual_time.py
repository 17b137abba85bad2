"""An event loop whose time passes at once: when everybody waits, it is already later."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _JumpingSelector(selectors.DefaultSelector):  # type: ignore[misc,valid-type]
    """Never waits; notes how long it was asked to."""

    asked_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if timeout is None and not ready:
            raise AssertionError("everybody waits for something that will never come")
        if not ready:
            # At least the loop's own resolution: a wait shorter than that would never end.
            self.asked_s += max(timeout or 0.0, 1e-9)
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Sleeps take no time, and ``time()`` says they did. For code without threads."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.asked_s


def run_virtually(main: Coroutine[Any, Any, T]) -> T:
    """The result of ``main``, run on virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)
