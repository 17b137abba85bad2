"""What the pages read. The only place that caches."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from pages.components import access
from personalab_core.jobs import WorkspaceRef
from personalab_core.jobs.checks import Check, run_checks
from personalab_core.jobs.judging import BackgroundJudge
from personalab_core.views.costs import CostsView, build_costs
from personalab_core.views.permissions import Person, Role
from personalab_core.views.records import Records
from personalab_core.views.system import ModelRow, Storage, build_model_rows, build_storage
from personalab_core.views.workspace import Workspace


def workspace() -> Workspace:
    """Return the workspace of this server.

    Raises:
        ConfigError: A setting is wrong.
    """
    return of(access.current())


def of(person: Person) -> Workspace:
    """Return the workspace as a person may use it.

    Raises:
        ConfigError: A setting is wrong.
    """
    return _workspace(WorkspaceRef.from_environment().model_dump_json(), person.name, person.role)


@st.cache_resource(ttl="10s", max_entries=32, show_spinner=False)
def _workspace(reference: str, name: str, role: Role) -> Workspace:
    return Workspace.open(WorkspaceRef.model_validate_json(reference), records=_records, person=Person(name, role))


@st.cache_resource(max_entries=4, show_spinner=False)
def _records(output: Path, references: Path, timelines: Path) -> Records:
    """Open the index of a workspace once; it outlives the configuration, which is read again every few seconds."""
    return Records(output, references, timelines, judge=BackgroundJudge(timelines, output))


def checks(*, online: bool) -> list[Check]:
    """Return what is in place and what is missing; looked at anew at most once a minute."""
    return _checks(WorkspaceRef.from_environment().model_dump_json(), online=online)


@st.cache_resource(ttl="60s", max_entries=8, show_spinner=False)
def _checks(reference: str, *, online: bool) -> list[Check]:
    return run_checks(WorkspaceRef.model_validate_json(reference).load(), online=online)


def check_again() -> None:
    """Forget what the checks have found."""
    _checks.clear()


def models() -> tuple[tuple[ModelRow, ...], tuple[str, ...]]:
    """Return the face models with their checksums, and what is wrong with the configured ones."""
    return _models(WorkspaceRef.from_environment().model_dump_json())


@st.cache_resource(ttl="10m", max_entries=4, show_spinner="Reading the models")
def _models(reference: str) -> tuple[tuple[ModelRow, ...], tuple[str, ...]]:
    return build_model_rows(WorkspaceRef.model_validate_json(reference).load())


def storage() -> Storage:
    """Return what the workspace takes on the disk; counted anew at most every five minutes."""
    return _storage(WorkspaceRef.from_environment().model_dump_json())


@st.cache_resource(ttl="5m", max_entries=4, show_spinner="Counting files")
def _storage(reference: str) -> Storage:
    return build_storage(WorkspaceRef.model_validate_json(reference).load())


@st.cache_resource(ttl="1m", max_entries=4, show_spinner="Reading the account book")
def _costs(reference: str) -> CostsView:
    space = Workspace.open(WorkspaceRef.model_validate_json(reference), records=_records)
    return build_costs(space.histories(), space.text_calls())


def costs() -> CostsView:
    """Return what generation has cost; summed anew at most once a minute."""
    return _costs(WorkspaceRef.from_environment().model_dump_json())


def now() -> datetime:
    """Return the present moment (UTC)."""
    return datetime.now(UTC)


def zone() -> tzinfo:
    """Return the viewer's time zone, as the browser tells it."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return UTC
