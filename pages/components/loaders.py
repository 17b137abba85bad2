"""What the pages read. The only place that caches; an unchanged file is parsed once."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from personalab_core.jobs import WorkspaceRef
from personalab_core.schemas import Record
from personalab_core.views.workspace import Lines, Workspace, read_lines


def workspace() -> Workspace:
    """Return the workspace of this server.

    Raises:
        ConfigError: A setting is wrong.
    """
    return _workspace(WorkspaceRef.from_environment().model_dump_json())


@st.cache_resource(ttl="10s", max_entries=4, show_spinner=False)
def _workspace(reference: str) -> Workspace:
    return Workspace.open(WorkspaceRef.model_validate_json(reference), read=_remembered_lines)


def _remembered_lines(path: Path, record_type: type[Record]) -> Lines:
    try:
        stat = path.stat()
    except OSError:
        return Lines()
    return _lines(str(path), record_type.__name__, stat.st_mtime_ns, stat.st_size, record_type)


@st.cache_resource(max_entries=256, show_spinner=False)
def _lines(path: str, kind: str, mtime_ns: int, size: int, _record_type: type[Record]) -> Lines:  # noqa: ARG001
    """Read a file; kind, time and size are the key (Streamlit leaves a leading underscore out of it)."""
    return read_lines(Path(path), _record_type)


def now() -> datetime:
    """Return the present moment (UTC)."""
    return datetime.now(UTC)


def zone() -> tzinfo:
    """Return the viewer's time zone, as the browser tells it."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return UTC
