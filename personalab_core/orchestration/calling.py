"""Carries out a ``Generate`` step in this thread; pictures and videos alike."""

from __future__ import annotations

from functools import partial
from typing import Protocol

from personalab_core.generation import GenerationRequest, GenerationResponse, ShouldStop, TransportRetry
from personalab_core.orchestration.asset_run import AssetRun
from personalab_core.orchestration.loop import Generate


class Generates(Protocol):
    """Makes one call to a provider; the generators of pictures and of videos do."""

    def generate(self, request: GenerationRequest) -> GenerationResponse:
        """Return what the call gave."""
        ...


def call_provider(
    run: AssetRun, step: Generate, *, generator: Generates, transport_retry: TransportRetry, should_stop: ShouldStop
) -> None:
    """Call the provider for ``step``, transport retries included, and hand the run what came of it."""
    if should_stop():
        run.cancel()
        return
    request = run.request(step)
    with run.recorded_if_it_fails():
        call = transport_retry.call(partial(generator.generate, request), on_retry=run.retried, should_stop=should_stop)
        run.called(call, stop=should_stop())


def never() -> bool:
    """Answer a ``should_stop`` that nobody handed in."""
    return False
