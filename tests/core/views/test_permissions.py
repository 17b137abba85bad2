"""Who may look and who may change, and that a viewer's workspace cannot write."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from personalab_core.config.personas import PersonaStore
from personalab_core.errors import ConfigError, NotAllowedError
from personalab_core.jobs import JobStore, WorkspaceRef
from personalab_core.views.permissions import Person, ReadOnlyJobs, ReadOnlyPersonas, person_of
from personalab_core.views.workspace import Workspace

ACCESS = {"editors": ["ann@example.com", "@studio.example"], "viewers": ["@example.com"]}
# What only looks. A new method of a store is refused to viewers unless somebody adds it here.
LOOKING = {
    JobStore: {"log_path", "get", "list", "reconcile", "events", "calls", "spending"},
    PersonaStore: {"list", "problems", "exists", "get", "name_of"},
}


@pytest.mark.parametrize(
    ("email", "role"),
    [
        ("ann@example.com", "editor"),
        ("Ann@Example.com", "editor"),
        ("ben@studio.example", "editor"),
        ("cleo@example.com", "viewer"),
        ("dan@elsewhere.example", "nobody"),
        ("eve@evil-example.com", "nobody"),
        ("ann@example.com@evil.example", "nobody"),
        ("example.com", "nobody"),
        (None, "nobody"),
    ],
)
def test_the_lists_decide(email: str | None, role: str) -> None:
    assert person_of({"email": email}, ACCESS).role == role


def test_an_address_that_the_provider_did_not_verify_counts_for_nothing() -> None:
    assert person_of({"email": "ann@example.com", "email_verified": False}, ACCESS).role == "nobody"


def test_without_lists_nobody_gets_in() -> None:
    assert person_of({"email": "ann@example.com"}, {}).role == "nobody"


def test_a_list_that_is_none_is_said() -> None:
    with pytest.raises(ConfigError, match="editors"):
        person_of({"email": "ann@example.com"}, {"editors": "ann@example.com"})


@pytest.mark.parametrize(("store", "guarded"), [(JobStore, ReadOnlyJobs), (PersonaStore, ReadOnlyPersonas)])
def test_every_method_that_writes_is_refused(store: type, guarded: type) -> None:
    methods = {name for name, _ in inspect.getmembers(store, inspect.isfunction) if not name.startswith("_")}
    open_to_viewers = {name for name in methods if getattr(guarded, name) is getattr(store, name)}
    assert open_to_viewers <= LOOKING[store]


def test_a_viewers_workspace_writes_nothing(tmp_path: Path) -> None:
    reference = WorkspaceRef(folder=str(tmp_path), profile="simulated")
    space = Workspace.open(reference, person=Person("cleo@example.com", "viewer"))
    with pytest.raises(NotAllowedError):
        space.start_demo()
    with pytest.raises(NotAllowedError):
        space.choose_anchor("mara", "mara/anchors/x.png")
    with pytest.raises(NotAllowedError):
        space.jobs.cancel("some")
    assert not list(tmp_path.iterdir())
