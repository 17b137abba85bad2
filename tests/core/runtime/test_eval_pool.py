"""Measuring processes: they answer, they die over one picture only, and none stays behind."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from personalab_core.errors import AnchorMissingError, ConfigError, InputError, ModelPackError, WorkspaceError
from personalab_core.identity import StubEvaluator, build_evaluator
from personalab_core.runtime import EvaluationPool, InProcessPool
from personalab_core.runtime.eval_worker import LoadingFailedError, WorkerHungError, WorkerProcess
from personalab_core.runtime.measuring import InfoTask, PictureTask
from personalab_core.schemas import EvaluationResult, MeasurementStatus
from tests.support.faces import shared_runtime, write_portrait

STUB = {"embedding": {"backend": "stub"}}
SIMFACE = {"embedding": {"model_name": "simface"}}


def measure(pool: EvaluationPool | InProcessPool, anchor: Path | str, *pictures: Path | str) -> EvaluationResult:
    return asyncio.run(pool.evaluate_async(str(anchor), [str(picture) for picture in pictures]))


@pytest.fixture
def pool() -> Iterator[EvaluationPool]:
    with EvaluationPool(max_workers=1, eval_cfg=STUB) as pool:
        yield pool


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[WorkerProcess]:
    """The worker processes that pools have started, first to last."""
    workers: list[WorkerProcess] = []

    class Noted(WorkerProcess):
        def __init__(self, *args: object, **kwargs: object) -> None:
            super().__init__(*args, **kwargs)  # type: ignore[arg-type]
            workers.append(self)

    monkeypatch.setattr("personalab_core.runtime.eval_pool.WorkerProcess", Noted)
    return workers


def test_a_process_measures_what_this_process_measures(tmp_path: Path) -> None:
    anchor, same, other = (write_portrait(tmp_path / f"{i}.png", person) for i, person in enumerate([1, 1, 2]))
    here = InProcessPool(build_evaluator(SIMFACE, runtime=shared_runtime()))
    with EvaluationPool(max_workers=1, eval_cfg=SIMFACE, n_threads=1) as pool:
        there = measure(pool, anchor, same, other)
    assert there == measure(here, anchor, same, other)
    here.shutdown()
    assert [len(c.embedding_vector or ()) for c in there.candidates] == [512, 512]


def test_one_worker_serves_many_pictures_and_ends_with_the_pool(
    pool: EvaluationPool, started: list[WorkerProcess]
) -> None:
    for _ in range(3):
        measure(pool, "anchor.png", "a.png", "b.png")
    assert len(started) == 1
    pool.shutdown()
    assert not started[0].alive


@pytest.mark.slow
def test_workers_are_started_when_they_are_needed(started: list[WorkerProcess]) -> None:
    async def two_at_a_time(pool: EvaluationPool) -> None:
        await asyncio.gather(*(pool.evaluate_async("anchor.png", ["a.png"]) for _ in range(4)))

    with EvaluationPool(max_workers=2, eval_cfg=STUB) as pool:
        assert started == []
        asyncio.run(two_at_a_time(pool))
        assert 1 <= len(started) <= 2
    assert not any(worker.alive for worker in started)


def dying_at(picture: str, method: Callable[..., object]) -> Callable[..., object]:
    """``WorkerProcess.ask``, but the process is killed as the evaluator of that picture would kill it."""

    def ask(self: WorkerProcess, task: object, *, timeout_s: float) -> object:
        if isinstance(task, PictureTask) and picture in task.candidate_paths:
            os.kill(self.pid, signal.SIGKILL)
        return method(self, task, timeout_s=timeout_s)

    return ask


def hanging_at(picture: str, method: Callable[..., object]) -> Callable[..., object]:
    """``WorkerProcess.ask``, but the process stands still over that picture; its time is short."""

    def ask(self: WorkerProcess, task: object, *, timeout_s: float) -> object:
        if isinstance(task, PictureTask) and picture in task.candidate_paths:
            os.kill(self.pid, signal.SIGSTOP)
            timeout_s = 0.05
        return method(self, task, timeout_s=timeout_s)

    return ask


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_picture_that_ends_the_process_is_not_measured_and_the_pool_heals(
    pool: EvaluationPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WorkerProcess, "ask", dying_at("bad.png", WorkerProcess.ask))
    bad = measure(pool, "anchor.png", "bad.png")
    good = measure(pool, "anchor.png", "good.png")
    assert bad.candidates[0].status is MeasurementStatus.NOT_MEASURED
    assert bad.candidates[0].reason == "the measuring process ended by the signal SIGKILL on this file, 2 times"
    assert bad.evaluator == good.evaluator
    assert good.candidates[0].reason == "no face recogniser is installed"


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_picture_that_hangs_the_process_is_not_measured_and_the_pool_heals(
    pool: EvaluationPool, monkeypatch: pytest.MonkeyPatch, started: list[WorkerProcess]
) -> None:
    monkeypatch.setattr(WorkerProcess, "ask", hanging_at("bad.png", WorkerProcess.ask))
    bad = measure(pool, "anchor.png", "bad.png")
    assert bad.candidates[0].status is MeasurementStatus.NOT_MEASURED
    assert bad.candidates[0].reason == "the measuring process gave no answer within 0.05 s on this file and was ended"
    good = measure(pool, "anchor.png", "good.png")
    assert good.candidates[0].reason == "no face recogniser is installed"
    assert bad.evaluator == good.evaluator
    assert [worker.alive for worker in started] == [False, True], "ended and replaced, the picture not tried again"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_process_that_answers_in_time_is_left_alone() -> None:
    worker = WorkerProcess(STUB, n_threads=1)
    assert worker.ask(InfoTask(), timeout_s=60) == worker.ask(InfoTask(), timeout_s=60)
    assert worker.alive
    os.kill(worker.pid, signal.SIGSTOP)
    with pytest.raises(WorkerHungError, match=r"gave no answer within 0\.05 s"):
        worker.ask(InfoTask(), timeout_s=0.05)
    assert not worker.alive


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_worker_that_the_system_ends_costs_nothing(pool: EvaluationPool, started: list[WorkerProcess]) -> None:
    before = measure(pool, "anchor.png", "a.png")
    os.kill(started[0].pid, signal.SIGKILL)
    assert measure(pool, "anchor.png", "a.png") == before
    assert len(started) == 2


@pytest.mark.slow
def test_what_the_caller_must_mend_comes_back_as_itself(tmp_path: Path) -> None:
    broken = {"embedding": {"model_name": str(tmp_path)}}
    with EvaluationPool(max_workers=1, eval_cfg=broken) as pool, pytest.raises(ModelPackError):
        measure(pool, "anchor.png", "a.png")
    with EvaluationPool(max_workers=1, eval_cfg=SIMFACE) as pool:
        with pytest.raises(AnchorMissingError):
            measure(pool, tmp_path / "nowhere.png", "a.png")
        empty = tmp_path / "empty.png"
        empty.touch()
        with pytest.raises(InputError):
            measure(pool, empty, "a.png")


def test_an_evaluator_that_fails_in_an_unforeseen_way_costs_one_picture(tmp_path: Path) -> None:
    """A number as a path is what no evaluator expects."""
    worker = WorkerProcess(SIMFACE, n_threads=1)
    anchor = write_portrait(tmp_path / "anchor.png", 1)
    failed = worker.ask(PictureTask(str(anchor), (3.5,)), timeout_s=60).candidates[0]  # type: ignore[arg-type]
    assert failed.status is MeasurementStatus.NOT_MEASURED
    assert re.fullmatch(r"the evaluator failed on this file \([A-Za-z]+Error\)", failed.reason)
    assert worker.ask(InfoTask(), timeout_s=60).pack == "simface"
    worker.end()


def test_an_evaluator_that_cannot_be_loaded_is_no_picture_s_fault() -> None:
    with EvaluationPool(max_workers=1, eval_cfg={"embedding": 3}) as pool, pytest.raises(LoadingFailedError):
        measure(pool, "anchor.png", "a.png")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="process groups")
def test_no_worker_outlives_a_caller_that_is_killed(tmp_path: Path) -> None:
    """The caller has no ``__main__`` guard, as the specification's sample has none."""
    script = tmp_path / "caller.py"
    script.write_text(
        "import asyncio, os, signal\n"
        "from personalab_core.runtime import EvaluationPool\n"
        "pool = EvaluationPool(max_workers=1, eval_cfg={'embedding': {'backend': 'stub'}})\n"
        "asyncio.run(pool.evaluate_async('anchor.png', ['a.png']))\n"
        "print(pool._idle[0].pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    caller = subprocess.run(
        [sys.executable, script], stdout=subprocess.PIPE, text=True, check=False, env={**os.environ, "PYTHONPATH": "."}
    )
    # The worker holds the write end of our pipe as its standard error does not: reading to the end waited for nobody.
    assert caller.returncode == -signal.SIGKILL
    wait_until_gone(int(caller.stdout))


def wait_until_gone(pid: int) -> None:
    """Wait for the end of a process that is no child of ours."""
    gone = threading.Event()
    for _ in range(200):
        if not Path(f"/proc/{pid}").exists() or b"Z" in Path(f"/proc/{pid}/stat").read_bytes().split()[2]:
            return
        gone.wait(0.05)
    pytest.fail(f"process {pid} is still there after 10 s")


@pytest.mark.skipif(sys.platform == "win32", reason="process limits")
def test_where_no_process_can_be_started_it_says_so_and_nobody_waits_for_ever(
    pool: EvaluationPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_memory(*_: object, **__: object) -> None:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    with monkeypatch.context() as patched:
        patched.setattr("personalab_core.runtime.eval_worker.subprocess.Popen", out_of_memory)
        for _ in range(2):
            with pytest.raises(WorkspaceError, match="No measuring process can be started: Cannot allocate memory"):
                measure(pool, "anchor.png", "a.png")
    assert measure(pool, "anchor.png", "a.png").candidates[0].reason == "no face recogniser is installed"


class HangsAtBad(StubEvaluator):
    """Never gives an answer about ``bad.png``, until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = threading.Event()

    def evaluate(self, anchor_path: str | Path, candidate_paths: Sequence[str | Path]) -> EvaluationResult:
        if str(candidate_paths[0]) == "bad.png":
            self.let_go.wait()
        return super().evaluate(anchor_path, candidate_paths)


def test_a_thread_that_hangs_is_left_alone_and_the_next_picture_is_measured() -> None:
    evaluator = HangsAtBad()
    pool = InProcessPool(evaluator, max_workers=1, timeout_s=1.0)
    bad, good = measure(pool, "anchor.png", "bad.png"), measure(pool, "anchor.png", "good.png")
    assert bad.candidates[0].reason == "measuring gave no answer within 1 s on this file"
    assert good.candidates[0].reason == "no face recogniser is installed"
    pool.shutdown()  # does not wait for it
    evaluator.let_go.set()


def test_at_most_so_many_threads_measure_at_a_time() -> None:
    class Counts(StubEvaluator):
        now = most = 0

        def evaluate(self, anchor_path: str | Path, candidate_paths: Sequence[str | Path]) -> EvaluationResult:
            with lock:
                self.now += 1
                self.most = max(self.most, self.now)
            both.wait()
            with lock:
                self.now -= 1
            return super().evaluate(anchor_path, candidate_paths)

    lock, both, evaluator = threading.Lock(), threading.Barrier(2, timeout=30), Counts()
    pool = InProcessPool(evaluator, max_workers=2)

    async def six() -> None:
        await asyncio.gather(*(pool.evaluate_async("anchor.png", ["a.png"]) for _ in range(6)))

    asyncio.run(six())
    pool.shutdown()
    assert (evaluator.now, evaluator.most) == (0, 2)


def test_senseless_numbers_are_refused() -> None:
    with pytest.raises(ConfigError, match="max_workers"):
        EvaluationPool(0, eval_cfg=STUB)
    with pytest.raises(ConfigError, match="timeout_s"):
        EvaluationPool(eval_cfg=STUB, timeout_s=0)
    with pytest.raises(ConfigError, match="max_workers"):
        InProcessPool(StubEvaluator(), max_workers=0)
