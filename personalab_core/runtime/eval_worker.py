"""One measuring process: how it is started, asked and ended, and what runs inside it.

The child is a Python that calls :func:`main`; tasks and answers are pickles on its standard input and
output. It is not a ``multiprocessing`` child on purpose: that would run the caller's script a second time
if it has no ``if __name__ == "__main__"``, and would stay behind as an orphan when this process is killed.
This one ends as soon as its input does.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from personalab_core.errors import PersonalabError

_log = logging.getLogger(__name__)

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_END_WAIT_S = 10.0


class WorkerDiedError(Exception):
    """The measuring process ended without an answer; the message says how."""


class WorkerHungError(Exception):
    """The measuring process gave no answer in time and was ended; the message says how long it had."""


class LoadingFailedError(Exception):
    """What measures could not be loaded, for a reason nobody foresaw; the message names the exception's class only."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What came of a task: its result, the error that the caller can do something about, or the class of another."""

    result: Any = None
    error: PersonalabError | None = None
    failure: str | None = None


class WorkerProcess:
    """A measuring process of our own, asked from one thread at a time.

    Args:
        evaluation: The ``evaluation`` section as plain values.
        n_threads: Threads that each model may use.
    """

    def __init__(self, evaluation: Mapping[str, Any], *, n_threads: int) -> None:
        # -P: the working directory is not on the path of imports; ours is handed on instead.
        command = [sys.executable, "-P", "-c", f"from {__name__} import main; main()"]
        limits = dict.fromkeys(_THREAD_VARIABLES, str(n_threads))
        path = os.pathsep.join(entry for entry in sys.path if entry)
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            [*command, json.dumps(dict(evaluation)), str(n_threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **limits, "PYTHONPATH": path},
        )

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def ask(self, task: object, *, timeout_s: float) -> Any:
        """Return what came of a task; a process that takes longer than ``timeout_s`` is ended.

        Raises:
            PersonalabError: What the evaluator raised.
            WorkerDiedError: The process is gone.
            WorkerHungError: It gave no answer in time, and is gone now, too.
            LoadingFailedError: What measures could not be loaded.
        """
        too_late = threading.Event()
        timer = threading.Timer(timeout_s, self._give_up, [too_late])
        timer.daemon = True
        timer.start()
        try:
            _send(task, self._stream(self._process.stdin))
            answer = _receive(self._stream(self._process.stdout))
        except (OSError, EOFError, pickle.UnpicklingError):
            self.kill()
            if too_late.is_set():
                raise WorkerHungError(f"gave no answer within {timeout_s:g} s") from None
            raise WorkerDiedError(_ending(self._process.returncode)) from None
        finally:
            timer.cancel()
        if answer.error is not None:
            raise answer.error
        if answer.failure is not None:
            raise LoadingFailedError(answer.failure)
        return answer.result

    @property
    def alive(self) -> bool:
        """Whether the process is still there."""
        return self._process.poll() is None

    def end(self) -> None:
        """Let the process end, and wait for it."""
        with contextlib.suppress(OSError):  # closing flushes, and the child may be gone
            self._stream(self._process.stdin).close()
        try:
            self._process.wait(_END_WAIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._stream(self._process.stdout).close()

    def kill(self) -> None:
        """End the process at once, whatever it does."""
        self._process.kill()
        self.end()

    def _give_up(self, too_late: threading.Event) -> None:
        too_late.set()
        self._process.kill()  # which ends the wait for its answer

    @staticmethod
    def _stream(pipe: Any) -> BinaryIO:
        stream: BinaryIO = pipe
        return stream


def _ending(return_code: int) -> str:
    if return_code < 0:
        with contextlib.suppress(ValueError):
            return f"ended by the signal {signal.Signals(-return_code).name}"
    return f"ended with exit code {return_code}"


def _send(message: object, stream: BinaryIO) -> None:
    pickle.dump(message, stream, protocol=pickle.HIGHEST_PROTOCOL)
    stream.flush()


def _receive(stream: BinaryIO) -> Any:
    return pickle.load(stream)  # noqa: S301 - from our own parent or child, over a pipe nobody else has


def serve(tasks: BinaryIO, answers: BinaryIO, evaluation: Mapping[str, Any], *, n_threads: int) -> None:
    """Answer tasks until their stream ends; models are loaded for the first one."""
    from personalab_core.runtime.measuring import MeasuringStation

    station: MeasuringStation | None = None
    while True:
        try:
            task = _receive(tasks)
        except EOFError:
            return
        try:
            station = station or MeasuringStation.build(evaluation, n_threads=n_threads)
            answer = _Answer(station.carry_out(task))
        except PersonalabError as error:
            answer = _Answer(error=error)
        except Exception as error:  # noqa: BLE001 - the edge of this process; the log has the traceback
            _log.error("What measures could not be loaded", exc_info=error)
            answer = _Answer(failure=type(error).__name__)
        _send(answer, answers)


def main() -> None:
    """Serve standard input and output."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle; what is being measured is finished
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print must not get between the answers
    evaluation, n_threads = sys.argv[1:]
    with contextlib.suppress(BrokenPipeError):  # the parent is gone, and nobody waits for an answer
        serve(sys.stdin.buffer, answers, json.loads(evaluation), n_threads=int(n_threads))
