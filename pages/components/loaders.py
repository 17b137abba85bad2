"""What the pages read. The only place that caches."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from personalab_core.jobs import WorkspaceRef
from personalab_core.views.records import Records
from personalab_core.views.workspace import Workspace


def workspace() -> Workspace:
    """Return the workspace of this server.

    Raises:
        ConfigError: A setting is wrong.
    """
    return _workspace(WorkspaceRef.from_environment().model_dump_json())


@st.cache_resource(ttl="10s", max_entries=4, show_spinner=False)
def _workspace(reference: str) -> Workspace:
    return Workspace.open(WorkspaceRef.model_validate_json(reference), records=_records)


@st.cache_resource(max_entries=4, show_spinner=False)
def _records(output: Path, references: Path, timelines: Path) -> Records:
    """Open the index of a workspace once; it outlives the configuration, which is read again every few seconds."""
    return Records(output, references, timelines)


def now() -> datetime:
    """Return the present moment (UTC)."""
    return datetime.now(UTC)


def zone() -> tzinfo:
    """Return the viewer's time zone, as the browser tells it."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return UTC
