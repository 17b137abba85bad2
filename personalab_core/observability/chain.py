"""The chain of record lines: each carries its number, its own hash and the hash of the line before.

A line is the canonical JSON of its record: keys sorted, no spaces, UTF-8, shortest exact
numbers. ``record_hash`` is the SHA-256 over that JSON without ``record_hash`` itself. Because
only the canonical form is accepted, any changed byte is found, even one that means the same.

What a chain cannot show: that whole lines were cut off at the end. The number of the last
line, noted elsewhere, shows that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Link:
    """Where a chain stands: the number and hash of its last line (0 and ``None`` before the first)."""

    sequence_number: int = 0
    record_hash: str | None = None


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What checking a whole file found.

    Attributes:
        ok: True if every line is as it was written, none is missing and none was put in.
        first_bad_line: Number of the first line that is not, counted from 1.
        problem: What is wrong with it, in a sentence.
        n: Number of lines in the file.
    """

    ok: bool
    first_bad_line: int | None
    problem: str | None
    n: int


def canonical(fields: Mapping[str, Any]) -> bytes:
    """Return the one JSON form of a record, without a line end."""
    return orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)


def forge(fields: Mapping[str, Any], after: Link) -> tuple[bytes, Link]:
    """Return the line of a record that follows ``after`` (without a line end), and its link.

    Args:
        fields: The record as plain JSON data; its chain fields are overwritten.
        after: The line before.
    """
    body = {**fields, "sequence_number": after.sequence_number + 1, "previous_hash": after.record_hash}
    body.pop("record_hash", None)
    record_hash = hashlib.sha256(canonical(body)).hexdigest()
    return canonical({**body, "record_hash": record_hash}), Link(after.sequence_number + 1, record_hash)


def link_of(line: bytes) -> Link | None:
    """Return the link that a line says it is, or ``None`` if it is not a chained record."""
    try:
        fields = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(fields, dict):
        return None
    number, record_hash = fields.get("sequence_number"), fields.get("record_hash")
    return Link(number, record_hash) if isinstance(number, int) and isinstance(record_hash, str) else None


def check_line(line: bytes, after: Link) -> str | None:
    """Return what is wrong with a line that should follow ``after``, or ``None``."""
    try:
        fields = orjson.loads(line)
    except orjson.JSONDecodeError:
        return "it is not valid JSON"
    if not isinstance(fields, dict) or canonical(fields) != line:
        return "it is not in the form it was written in"
    claimed = fields.pop("record_hash", None)
    if hashlib.sha256(canonical(fields)).hexdigest() != claimed:
        return "its content does not fit its hash"
    if fields.get("sequence_number") != after.sequence_number + 1:
        return f"its number is {fields.get('sequence_number')}, expected {after.sequence_number + 1}"
    if fields.get("previous_hash") != after.record_hash:
        return "it does not continue the line before"
    return None


def check_lines(lines: Iterable[bytes]) -> tuple[int | None, str | None]:
    """Return number (from 1) and problem of the first bad line, or two ``None``."""
    link = Link()
    for number, line in enumerate(lines, start=1):
        problem = check_line(line, link)
        if problem:
            return number, problem
        link = link_of(line) or link
    return None, None
