"""Makes a job's pictures and videos at the same time, and says when it has to pause or stop."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from personalab_core.jobs.control import JobCancelledError, JobPausedError, Progress
from personalab_core.jobs.studio import Studio
from personalab_core.runtime import JobDone, JobResult, JobSpec
from personalab_core.schemas import AssetOutcome


def make_assets(studio: Studio, specs: Sequence[JobSpec], progress: Progress) -> list[JobResult]:
    """Return what came of the assets, in their order; what an earlier run of the job has finished is not made again.

    An asset for which the provider failed for good ends the job with those under way: the
    next would most likely fail, too. One that may have been paid by an earlier run does not.

    Raises:
        JobCancelledError: The work was asked to stop.
        JobPausedError: It waits for a person: the budget is reached, the disk is full.
    """
    watch = _Watch(progress, len(specs))
    progress.report(0, watch.message)
    with studio.measuring_pool(len(specs)) as pool:
        runner = studio.runner(pool)
        results = runner.run(specs, should_stop=watch.should_stop, on_done=watch.ended)
    paused = next((result for result in results if result.paused), None)
    if paused is not None:
        raise JobPausedError(paused.error)
    if progress.should_stop() and any(result.outcome is AssetOutcome.CANCELLED for result in results):
        raise JobCancelledError
    return results


class _Watch:
    """Tells a job's row how far its assets are, and ends the others when one shows that they cannot be made."""

    def __init__(self, progress: Progress, n_assets: int) -> None:
        self._progress = progress
        self._n_assets = n_assets
        self._n_done = 0
        self._n_accepted = 0
        self._hopeless = False

    @property
    def message(self) -> str:
        return f"{self._n_done} of {self._n_assets} made, {self._n_accepted} accepted"

    @property
    def should_stop(self) -> Callable[[], bool]:
        return lambda: self._hopeless or self._progress.should_stop()

    def ended(self, done: JobDone) -> None:
        result = done.result
        if result.paused or (result.outcome is AssetOutcome.FAILED and not result.possibly_paid):
            self._hopeless = True
        if result.paused or result.outcome is AssetOutcome.CANCELLED:
            return
        self._n_done += 1
        self._n_accepted += result.accepted
        self._progress.report(self._n_done, self.message)
