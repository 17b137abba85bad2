"""The example workspace: a folder of its own, three personas, and the job that fills it.

What the job does is in :mod:`personalab_core.jobs.demo_story`; nothing heavy is imported here.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from personalab_core.config import PersonaStore, data_path
from personalab_core.config.atomic_files import write_atomic
from personalab_core.errors import InputError
from personalab_core.jobs.job import Job, JobState
from personalab_core.jobs.params import DemoHistoryParams, WorkspaceRef
from personalab_core.jobs.store import JobStore
from personalab_core.observability.locking import exclusive

MARKER = "personalab-demo.json"
"""The file that makes a folder an example workspace; without it nothing in a folder is touched."""


EXAMPLES = ("daniperez", "ingrid-solberg", "kwame-mensah")
"""The personas of the example, as they ship."""


@dataclass(frozen=True, slots=True)
class DemoStart:
    """What preparing the example came to.

    Attributes:
        folder: The workspace.
        store: Its jobs.
        job_id: The job that fills it, or filled it.
        state: State of that job.
        sentence: The same for a person.
    """

    folder: Path
    store: JobStore
    job_id: str
    state: JobState
    sentence: str


def prepare_demo(
    folder: Path | str,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    open_store: Callable[[Path], JobStore] = JobStore,
) -> DemoStart:
    """Make a folder the example workspace and start the job that fills it, unless that has been done.

    Args:
        folder: A new or empty folder, or an example workspace.
        clock: The moment at which the history is to end.
        open_store: Opens the job database.

    Raises:
        InputError: The folder holds something else; nothing was touched.
        WorkspaceError: The folder cannot be written.
    """
    folder = Path(folder).expanduser().absolute()
    _refuse_other_workspaces(folder)
    with exclusive(folder / MARKER):
        reference = WorkspaceRef(folder=str(folder), profile="simulated")
        paths = reference.load().paths
        store = open_store(paths.jobs)
        if not (folder / MARKER).exists():
            # The marker comes first: whatever follows, the folder is ours.
            write_atomic(folder / MARKER, json.dumps({"created_at": clock().isoformat()}).encode())
        earlier = next((job for job in store.list() if job.kind == "demo_history"), None)
        if earlier is not None:
            return _go_on(folder, store, earlier)
        _copy_personas(PersonaStore(paths.personas))
        job_id = store.submit("demo_history", DemoHistoryParams(workspace=reference, until=clock()))
        sentence = f"Preparing the example workspace in {folder}; its history is generated now, by job {job_id}."
        return DemoStart(folder, store, job_id, "queued", sentence)


def require_example(reference: WorkspaceRef) -> None:
    """Refuse to fill anything but an example workspace, or with anything but the simulator.

    Raises:
        InputError: It is another workspace, or another profile is in force.
    """
    if reference.folder is None or not (Path(reference.folder) / MARKER).exists():
        raise InputError(f"{reference.folder or 'The working directory'} is not an example workspace.")
    if reference.profile != "simulated":
        raise InputError("The example is filled with the profile 'simulated' only.")


def _go_on(folder: Path, store: JobStore, job: Job) -> DemoStart:
    if job.resumable:
        job = store.resume(job.id)
        return DemoStart(folder, store, job.id, job.state, f"Going on with the example workspace in {folder}.")
    what = "is being prepared" if job.active else "is there already"
    return DemoStart(folder, store, job.id, job.state, f"The example workspace in {folder} {what}; nothing was added.")


def _refuse_other_workspaces(folder: Path) -> None:
    if (folder / MARKER).exists() or not folder.exists():
        return
    if not folder.is_dir() or any(_is_foreign(entry) for entry in folder.rglob("*")):
        raise InputError(
            f"{folder} holds something else than the example; nothing was touched. "
            "Name a new or empty folder with --workspace."
        )


def _is_foreign(entry: Path) -> bool:
    """Whether something is more than what a dashboard leaves behind that was only opened on an empty folder."""
    return not entry.is_dir() and not entry.name.startswith((f"{MARKER}.lock", "jobs.sqlite3", "index.sqlite3"))


def _copy_personas(store: PersonaStore) -> None:
    shipped = PersonaStore(data_path("personas"))
    for persona in EXAMPLES:
        if not store.exists(persona):
            store.save(shipped.get(persona))
