"""Whether the process that took a job still lives, and how a worker process is started.

A process id alone proves nothing: ids are reused and a killed child stays a zombie
until somebody waits for it. A job therefore remembers the id together with a *birth
mark*, which no later process of the same id shares.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

_PACKAGE_PARENT = Path(__file__).resolve().parents[2]
_PROC = Path("/proc")


def birth_mark(pid: int) -> str | None:
    """Return a mark that only this life of process ``pid`` has, or ``None`` if it is gone.

    A zombie counts as gone. On Linux the mark is the boot id and the kernel's start
    tick (field 22 of ``/proc/PID/stat``, see proc(5)); elsewhere the start time that
    the system tells.
    """
    if sys.platform == "win32":
        return _windows_mark(pid)
    if (_PROC / "self" / "stat").exists():
        return _linux_mark(pid)
    return _ps_mark(pid)


def is_alive(pid: int | None, mark: str | None) -> bool:
    """Return whether ``pid`` is still the process that had this birth mark."""
    return pid is not None and mark is not None and birth_mark(pid) == mark


def _linux_mark(pid: int) -> str | None:
    try:
        stat = (_PROC / str(pid) / "stat").read_text()
        boot_id = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    # The command name in parentheses may itself hold spaces and parentheses.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else f"{boot_id}:{fields[19]}"


def _ps_mark(pid: int) -> str | None:
    answer = subprocess.run(  # noqa: S603 - fixed command, the only argument is a number
        ["/bin/ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    state, _, started = answer.stdout.strip().partition(" ")
    return None if not state or state.startswith("Z") else " ".join(started.split())


def _windows_mark(pid: int) -> str | None:
    if sys.platform != "win32":
        return None
    import ctypes
    from ctypes import wintypes

    query_limited_information, still_active = 0x1000, 259
    kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    handle = kernel.OpenProcess(query_limited_information, False, pid)  # noqa: FBT003 - a C call
    if not handle:
        return None
    try:
        times = [wintypes.FILETIME() for _ in range(4)]
        code = wintypes.DWORD()
        kernel.GetProcessTimes(handle, *(ctypes.byref(time) for time in times))
        kernel.GetExitCodeProcess(handle, ctypes.byref(code))
    finally:
        kernel.CloseHandle(handle)
    return f"{times[0].dwHighDateTime}:{times[0].dwLowDateTime}" if code.value == still_active else None


def start_worker(store: Path, job_id: str, log: Path) -> int:
    """Start the detached worker of a job and return its process id; its command line holds store and id only."""
    arguments = ["personalab_core.jobs.worker", "--store", str(store), job_id]
    return start_detached(arguments, log=log, folder=store.parent)


def start_detached(arguments: Sequence[str], *, log: Path, folder: Path | None = None) -> int:
    """Start a module of this package as a process and return its id.

    It outlives this process and its terminal: own session, no standard input, output to
    ``log``, no inherited handles (never a server's listening socket).

    Args:
        arguments: Name of the module, then what it is given.
        log: Where its output is appended.
        folder: Where it works; that of the log if ``None``.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - this interpreter, our own module
            [sys.executable, "-m", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=_child_environment(),
            cwd=folder or log.parent,
            start_new_session=True,
            close_fds=True,
        )
    # Without somebody waiting for it, an ended child would stay a zombie as long as we live.
    threading.Thread(target=process.wait, name=f"reap-{process.pid}", daemon=True).start()
    return process.pid


def give_way() -> None:
    """Lower this process's priority, so that a page on the same machine stays quick."""
    if hasattr(os, "nice"):
        os.nice(5)


def _child_environment() -> dict[str, str]:
    """Let the child find the package where this process found it, installed or not."""
    environment = dict(os.environ)
    if _PACKAGE_PARENT.name not in {"site-packages", "dist-packages"}:
        known = environment.get("PYTHONPATH", "")
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(_PACKAGE_PARENT), known]))
    return environment
