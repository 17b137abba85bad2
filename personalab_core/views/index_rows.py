"""What the index keeps of one line: the numbers and words that pages count, filter and sort by.

Everything a page prints comes from the line itself; the index only says which line. A line that
lacks anything here is not indexed, and the caller says why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Literal

import orjson

from personalab_core.schemas import AssetOutcome, Decision, MeasurementStatus, Reason
from personalab_core.views.pictures import HASH_DIGITS
from personalab_core.views.words import mark_of

RowKind = Literal["attempt", "drift"]
Row = tuple[Any, ...]

COLUMNS: Mapping[RowKind, Mapping[str, str]] = {
    "attempt": {
        "attempt_id": "TEXT",
        "asset_id": "TEXT",
        "attempt": "INTEGER",
        "asset_type": "TEXT",
        "at": "REAL",
        "decision": "TEXT",
        "mark": "TEXT",
        "reason": "TEXT",
        "outcome": "TEXT",
        "composite": "REAL",
        "cosine": "REAL",
        "geometric": "REAL",
        "evaluator": "TEXT",
        "provider": "TEXT",
        "simulated": "INTEGER",
        "job_id": "TEXT",
        "framing": "TEXT",
        "has_picture": "INTEGER",
        "picture_hash": "TEXT",
        "cost_usd": "REAL",
        "accept": "REAL",
        "retry": "REAL",
        "patches": "TEXT",
    },
    "drift": {
        "attempt_id": "TEXT",
        "asset_type": "TEXT",
        "at": "REAL",
        "composite": "REAL",
        "frame_size": "TEXT",
        "decision": "TEXT",
        "provider": "TEXT",
        "simulated": "INTEGER",
        "evaluator": "TEXT",
        "pack_hash": "TEXT",
        "anchor": "TEXT",
    },
}
"""Columns of each table and their SQLite types, in the order of the rows below."""

# A look-up in a dict is ten times as fast as making the enumeration's member.
_DECISIONS = {str(member): member for member in Decision}
_REASONS = {str(member): member for member in Reason}
_OUTCOMES = {str(member): member for member in AssetOutcome}
_STATUSES = {str(member): member for member in MeasurementStatus}
_POINTS = b'"landmarks":[['


def row_of(kind: RowKind, line: bytes) -> Row:
    """Return the indexed columns of a line.

    Raises:
        ValueError: The line is not JSON, or a value is not one of those allowed.
        KeyError, TypeError: A field is missing or of another type.
    """
    fields = orjson.loads(_without_points(line))
    if fields["kind"] != kind or fields["schema_version"] != 1:
        raise ValueError(f"not a record of kind {kind}")
    return _ROWS[kind](fields)


def _without_points(line: bytes) -> bytes:
    """Cut out the landmarks unread: they are two thirds of a line. A quote inside a text is escaped, so none is hit."""
    begin = line.find(_POINTS)
    end = line.find(b"]]", begin) if begin >= 0 else -1
    return line if end < 0 else line[: begin + len(_POINTS) - 1] + line[end + 1 :]


def _attempt_row(f: dict[str, Any]) -> Row:
    scores, context, evaluator = f["scores"], f["context"], f["evaluator"]
    decision, reason = _DECISIONS[f["decision"]], _REASONS[f["reason"]]
    composite = _number(scores["composite"])
    status = None if f["status"] is None else _STATUSES[f["status"]]
    outcome = None if f["outcome"] is None else _OUTCOMES[f["outcome"]]
    has_picture = f["image_path"] is not None
    return (
        _text(f["attempt_id"]),
        _text(f["asset_id"]),
        _whole(f["attempt"]),
        _text(f["asset_type"]),
        _moment(f["timestamp"]),
        decision,
        mark_of(decision, reason, status, has_picture=has_picture, scored=composite is not None).kind,
        reason,
        outcome,
        composite,
        _number(scores["cosine_similarity"]),
        _number(scores["geometric_error"]),
        None if evaluator is None else f"{evaluator['name']} {evaluator['version']} {evaluator['pack_hash']}",
        _text(context["provider"]),
        bool(context["simulated"]),
        context["job_id"],
        f["requested_framing"],
        has_picture,
        None if f["image_sha256"] is None else _text(f["image_sha256"])[:HASH_DIGITS],
        _number(f["cost"]["amount_usd"]),
        _number(f["accept_threshold"]),
        _number(f["retry_threshold"]),
        " ".join(_patch(patch) for patch in f["patches"]),
    )


def _patch(patch: dict[str, Any]) -> str:
    """Return which patch it is as one word: ``reason/part/level``, the part empty where there is none."""
    return f"{_REASONS[patch['reason']]}/{patch.get('part') or ''}/{int(patch['level'])}"


def _drift_row(f: dict[str, Any]) -> Row:
    composite = _number(f["composite_score"])
    if composite is None:
        raise TypeError("a drift record has a score")
    return (
        _text(f["attempt_id"]),
        _text(f["asset_type"]),
        _moment(f["timestamp"]),
        composite,
        _text(f["frame_size"]),
        _DECISIONS[f["decision"]],
        _text(f["provider"]),
        bool(f["simulated"]),
        _text(f["evaluator"]),
        _text(f["pack_hash"]),
        f["anchor_sha256"],
    )


_ROWS: Mapping[RowKind, Callable[[dict[str, Any]], Row]] = {"attempt": _attempt_row, "drift": _drift_row}


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, got {type(value).__name__}")
    return value


def _whole(value: object) -> int:
    if not isinstance(value, int) or value < 1:
        raise TypeError("expected a number from 1")
    return value


def _number(value: object) -> float | None:
    if value is not None and not isinstance(value, int | float):
        raise TypeError(f"expected a number, got {type(value).__name__}")
    return value


def _moment(value: str) -> float:
    return datetime.fromisoformat(value).timestamp()
