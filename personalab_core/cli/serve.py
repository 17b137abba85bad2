"""``personalab demo`` and ``personalab app``: an example to look at, and the page to look at it with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from personalab_core.cli.context import BAD_INPUT, DONE, NOT_ACCEPTED, JsonOption, chosen, note, print_json, say
from personalab_core.cli.progress import wait_for_job

HOST = "127.0.0.1"


def demo(
    context: typer.Context,
    *,
    background: Annotated[bool, typer.Option("--background", help="Do not wait until it is finished.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Prepare an example workspace: three simulated personas with a history worth looking at.

    One persona is steady, one drifts, one is new. Always simulated, never paid; running
    it again adds nothing. Example: personalab --workspace ./example demo
    """
    from personalab_core.jobs.demo import prepare_demo

    start = prepare_demo(_folder(context))
    note(start.sentence)
    state = start.state
    if not background and start.job_id is not None:
        state = wait_for_job(start.store, start.job_id, quiet=as_json).state
    if as_json:
        print_json({"workspace": start.folder, "job_id": start.job_id, "state": state})
    elif state == "done":
        say(f"Look at it: personalab --workspace {_shown(start.folder)} app")
    if state in {"failed", "lost", "cancelled", "paused"}:
        raise typer.Exit(NOT_ACCEPTED)


def serve(
    context: typer.Context,
    *,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on 127.0.0.1.")] = 8501,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open a browser window.")] = False,
    with_demo: Annotated[bool, typer.Option("--demo", help="Prepare the example workspace first.")] = False,
) -> None:
    """Serve the dashboard of a workspace on 127.0.0.1.

    Example: personalab app --demo --port 8600
    """
    from personalab_core.config import dashboard_root
    from personalab_core.jobs import WorkspaceRef

    _refuse_busy_port(port)
    if with_demo:
        from personalab_core.jobs.demo import prepare_demo

        start = prepare_demo(_folder(context))
        note(start.sentence)
        reference = WorkspaceRef(folder=str(start.folder), profile="simulated")
    else:
        reference = chosen(context).reference()
        reference.load()  # a broken configuration is said here, not on the page
    root = dashboard_root()
    command = [sys.executable, "-m", "streamlit", "run", str(root / "app.py")]
    command += ["--server.address", HOST, "--server.port", str(port)]
    command += ["--server.headless", "true" if no_browser or not _has_screen() else "false"]
    command += ["--server.showEmailPrompt", "false"]
    note(f"Serving {reference.folder or Path.cwd()} at http://{HOST}:{port} (stop with Ctrl-C)")
    _become(command, os.environ | {"PYTHONPATH": _search_path(root)} | reference.to_environment(), root)


def _folder(context: typer.Context) -> Path:
    """Return the folder of the example: the one that was named, else ``./workspace``."""
    from personalab_core.cli.context import DEFAULT_FOLDER
    from personalab_core.errors import InputError

    options = chosen(context)
    if options.config_file is not None or options.profile not in {None, "simulated"}:
        raise InputError(
            "The example is always simulated and needs no configuration: leave out --config and --profile."
        )
    return (options.workspace or Path(DEFAULT_FOLDER)).expanduser().absolute()


def _refuse_busy_port(port: int) -> None:
    import socket

    from personalab_core.errors import InputError

    with socket.socket() as probe:
        if os.name == "posix":  # else a port that was in use a minute ago counts as busy
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise InputError(f"Port {port} of {HOST} is in use; choose another one with --port.") from None


def _has_screen() -> bool:
    return sys.stdout.isatty() and (sys.platform != "linux" or bool(os.environ.get("DISPLAY")))


def _search_path(root: Path) -> str:
    """Let the server find the package where this process found it, installed or not."""
    known = os.environ.get("PYTHONPATH", "")
    return os.pathsep.join(filter(None, [str(root) if (root / "personalab_core").is_dir() else "", known]))


def _become(command: list[str], environment: dict[str, str], folder: Path) -> None:
    """Run the server in place of this process, so that signals reach it directly."""
    if os.name == "posix":
        os.chdir(folder)
        os.execve(command[0], command, environment)  # noqa: S606 - this interpreter, no shell
    code = subprocess.run(command, env=environment, cwd=folder, check=False).returncode  # noqa: S603
    raise typer.Exit(DONE if code == 0 else BAD_INPUT)


def _shown(folder: Path) -> str:
    try:
        return str(folder.relative_to(Path.cwd()))
    except ValueError:
        return str(folder)
