"""The records of personas as sequences that read a line only when somebody looks at it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from types import MappingProxyType
from typing import Any, Generic, Protocol, TypeVar, overload

from personalab_core.errors import RecordError
from personalab_core.schemas import (
    AssetOutcome,
    AttemptRecord,
    Decision,
    DriftRecord,
    EvaluatorInfo,
    OverrideRecord,
    Reason,
    Record,
)
from personalab_core.views.index_rows import RowKind
from personalab_core.views.record_index import RecordIndex

R = TypeVar("R", bound=Record)

_AT_ONCE = 256
"""So many lines are read at a time when somebody wants all."""


class ReadLine(Protocol):
    """How one line is read: persona, where it starts in the file, how long it is."""

    def __call__(self, kind: RowKind, persona: str, start: int, length: int) -> Record | None:
        """Return the record, or ``None`` if the line cannot be read; it is then named among the problems."""
        ...


@dataclass(frozen=True)
class Log(Sequence[R], Generic[R]):
    """Records that meet a condition, oldest first.

    ``len`` and single records are answered by the index; going through all of them reads all their lines.
    """

    store: RecordIndex
    read: ReadLine
    kind: RowKind
    where: str
    arguments: tuple[Any, ...]
    order: str = "line"

    @cached_property
    def _n(self) -> int:
        return int(self._ask("count(*)")[0][0])

    def __len__(self) -> int:
        return self._n

    def __bool__(self) -> bool:
        return bool(self._ask("1", "LIMIT 1"))

    def __iter__(self) -> Iterator[R]:
        for first in range(0, self._n, _AT_ONCE):
            yield from self._part(first, _AT_ONCE)

    def __reversed__(self) -> Iterator[R]:
        for last in range(self._n, 0, -_AT_ONCE):
            first = max(0, last - _AT_ONCE)
            yield from reversed(self._part(first, last - first))

    @overload
    def __getitem__(self, at: int) -> R: ...

    @overload
    def __getitem__(self, at: slice) -> tuple[R, ...]: ...

    def __getitem__(self, at: int | slice) -> R | tuple[R, ...]:
        if isinstance(at, slice):
            first, last, step = at.indices(self._n)
            if step != 1:
                return tuple(self)[at]
            # The end is found from the end: skipping many rows costs as much as counting them.
            return (
                self.newest(last - first) if last == self._n and first > 0 else tuple(self._part(first, last - first))
            )
        if not -self._n <= at < self._n:
            raise IndexError(at)
        found = self._part(at % self._n, 1)
        if not found:
            raise RecordError("A record was changed while it was being read. Reload the page.")
        return found[0]

    def column(self, name: str) -> list[Any]:
        """Return one indexed column of all records, in order, without reading their lines."""
        return [value for (value,) in self._ask(name, f"ORDER BY {self.order}")]

    def columns(self, *names: str) -> list[tuple[Any, ...]]:
        """Return several indexed columns of all records, in order, without reading their lines."""
        return self._ask(", ".join(names), f"ORDER BY {self.order}")

    def values(self, name: str) -> list[str]:
        """Return the different values of a column, in alphabetical order."""
        return [value for (value,) in self._ask(f"DISTINCT {name}", f"ORDER BY {name}") if value is not None]

    def find(self, attempt_id: str) -> R | None:
        """Return the record of an attempt, or ``None``."""
        found = self._of_attempt(attempt_id)._part(0, 1)
        return found[0] if found else None

    def _of_attempt(self, attempt_id: str) -> Log[R]:
        # The plus keeps SQLite from going through all lines in order until it meets the attempt.
        return self.narrowed("attempt_id=?", attempt_id).sorted_by(*(f"+{column}" for column in self._columns))

    def newest(self, n: int, condition: str = "1") -> tuple[R, ...]:
        """Return the last ``n`` records that meet a condition on the columns, oldest first."""
        rows = self._ask("persona, start, length", f"AND {condition} ORDER BY {self._backwards} LIMIT {max(0, n):d}")
        return tuple(self._records(reversed(rows)))

    @property
    def _columns(self) -> list[str]:
        return self.order.split(", ")

    @property
    def _backwards(self) -> str:
        return ", ".join(f"{column} DESC" for column in self._columns)

    def narrowed(self, condition: str, *arguments: Any) -> Log[R]:
        """Return those that meet one more condition on the columns."""
        return replace(self, where=f"{self.where} AND {condition}", arguments=(*self.arguments, *arguments))

    def sorted_by(self, *columns: str) -> Log[R]:
        """Return the same records in the order of some columns."""
        return replace(self, order=", ".join(columns))

    def newest_first(self, n: int, *, skip: int = 0) -> tuple[R, ...]:
        """Return ``n`` records from the end backwards, after leaving some out."""
        rows = self._ask("persona, start, length", f"ORDER BY {self._backwards} LIMIT {n:d} OFFSET {skip:d}")
        return tuple(self._records(rows))

    def _part(self, first: int, n: int) -> list[R]:
        rows = self._ask("persona, start, length", f"ORDER BY {self.order} LIMIT {max(0, n):d} OFFSET {first:d}")
        return list(self._records(rows))

    def _records(self, rows: Iterable[tuple[str, int, int]]) -> Iterator[R]:
        for persona, start, length in rows:
            record = self.read(self.kind, persona, start, length)
            if record is not None:
                yield record  # type: ignore[misc]

    def _ask(self, what: str, rest: str = "", *more: Any) -> list[tuple[Any, ...]]:
        # All three are text of this package; values come as arguments.
        question = f"SELECT {what} FROM {self.kind} WHERE {self.where} {rest}"  # noqa: S608
        return self.store.ask(question, (*self.arguments, *more))


@dataclass(frozen=True, slots=True)
class Tally:
    """Attempts counted.

    Attributes:
        n: All of them.
        n_accepted: Accepted ones.
        n_simulated: Simulated ones.
        known_usd: Sum of the known prices; ``None`` if not one is known.
    """

    n: int
    n_accepted: int
    n_simulated: int
    known_usd: float | None

    @property
    def simulated(self) -> bool:
        """Whether all of them are simulated."""
        return self.n == self.n_simulated


@dataclass(frozen=True)
class AttemptLog(Log[AttemptRecord]):
    """Attempts, with what pages count of them.

    ``overrides`` are a person's decisions in force, by attempt; they change what counts as accepted, and
    nothing that was measured.
    """

    overrides: Mapping[str, OverrideRecord] = field(default_factory=lambda: MappingProxyType({}))

    @cached_property
    def tally(self) -> Tally:
        """All of them counted."""
        n, n_accepted, n_simulated, known_usd = self._ask(
            "count(*), total(decision='accept'), total(simulated), sum(cost_usd)"
        )[0]
        return Tally(n, int(n_accepted) + self._overruled, int(n_simulated), known_usd)

    @cached_property
    def _overruled(self) -> int:
        """By how many more a person accepted than took back."""
        rows = self.decided_by_person.columns("attempt_id", "decision") if self.overrides else []
        now = ((self.overrides[attempt].decision is Decision.ACCEPT, was == "accept") for attempt, was in rows)
        return sum(accepted - measured for accepted, measured in now)

    @property
    def decided_by_person(self) -> AttemptLog:
        """Those on which a person's decision is in force."""
        return self.narrowed(f"attempt_id IN ({','.join('?' * len(self.overrides))})", *self.overrides)

    def since(self, moment: datetime) -> AttemptLog:
        """Return those made at a moment or later."""
        return self.narrowed("at>=?", moment.timestamp())

    def narrowed(self, condition: str, *arguments: Any) -> AttemptLog:
        """Return those that meet one more condition on the columns."""
        return replace(self, where=f"{self.where} AND {condition}", arguments=(*self.arguments, *arguments))

    def of_job(self, job_id: str) -> AttemptLog:
        """Return those that a job has made so far."""
        return self.narrowed("job_id=?", job_id)

    def of_asset(self, asset_id: str) -> AttemptLog:
        """Return the attempts for one asset."""
        return self.narrowed("asset_id=?", asset_id)

    def asset_number(self, persona: str, asset_id: str) -> int:
        """Return the place of an asset among those of its persona, in the order in which they were begun, from 1."""
        (n,) = self.store.ask(
            "SELECT count(*) FROM asset WHERE persona=? AND id<=(SELECT id FROM asset WHERE persona=? AND asset_id=?)",
            (persona, persona, asset_id),
        )[0]
        return max(1, int(n))

    def last_outcomes(self, n: int) -> list[AssetOutcome]:
        """Return how the last ``n`` assets that have ended did end, in the order in which they were begun."""
        rows = self.store.ask(
            f"SELECT outcome FROM asset WHERE {self.where} AND outcome IS NOT NULL ORDER BY id DESC LIMIT ?",  # noqa: S608 - own text
            (*self.arguments, n),
        )
        return [AssetOutcome(outcome) for (outcome,) in reversed(rows)]

    def with_picture(self, n: int) -> tuple[AttemptRecord, ...]:
        """Return the last ``n`` that have a picture, oldest first."""
        return self.newest(n, "has_picture")

    @cached_property
    def thresholds(self) -> tuple[float, float | None] | None:
        """Accept and retry threshold of the last attempt that had any, or ``None``."""
        rows = self._ask("accept, retry", f"AND accept IS NOT NULL ORDER BY {self._backwards} LIMIT 1")
        return rows[0] if rows else None

    @cached_property
    def last_score(self) -> float | None:
        """Composite score of the last attempt that has one, or ``None``."""
        rows = self._ask("composite", f"AND composite IS NOT NULL ORDER BY {self._backwards} LIMIT 1")
        return rows[0][0] if rows else None

    @cached_property
    def reasons(self) -> dict[Reason, int]:
        """How often each reason was given, the most frequent first."""
        return self._counted("reason<>'none'")

    @cached_property
    def refused(self) -> dict[Reason, int]:
        """Why attempts were not accepted, the most frequent reason first."""
        return self._counted("decision<>'accept'")

    def _counted(self, condition: str) -> dict[Reason, int]:
        rows = self._ask("reason, count(*)", f"AND {condition} GROUP BY reason ORDER BY 2 DESC, min(id)")
        return {Reason(reason): n for reason, n in rows}

    def accepted_scores(self, column: str, evaluator: EvaluatorInfo) -> list[float]:
        """Return a score of every accepted attempt that one instrument measured."""
        log = self.narrowed(f"decision='accept' AND evaluator=? AND {column} IS NOT NULL", instrument_key(evaluator))
        return log.column(column)


@dataclass(frozen=True)
class DriftLog(Log[DriftRecord]):
    """Records of a timeline."""

    def narrowed(self, condition: str, *arguments: Any) -> DriftLog:
        """Return those that meet one more condition on the columns."""
        return replace(self, where=f"{self.where} AND {condition}", arguments=(*self.arguments, *arguments))

    def line_of(self, attempt_id: str) -> int | None:
        """Return the line of an attempt's record, ``None`` if there is none."""
        found = self._of_attempt(attempt_id).column("line")
        return int(found[0]) if found else None

    def at_lines(self, lines: Sequence[int]) -> DriftLog:
        """Return the records of some lines."""
        return self.narrowed(f"line IN ({','.join('?' * len(lines))})", *lines)

    def n_of_anchor(self, sha256: str) -> int:
        """Return how many were measured against an anchor."""
        return len(self.narrowed("anchor=?", sha256))

    def last_scores(self, n: int) -> list[float]:
        """Return the composite scores of the last ``n``, oldest first."""
        rows = self._ask("composite", f"ORDER BY {self._backwards} LIMIT {n:d}")
        return [score for (score,) in reversed(rows)]

    def against(self, anchor: str | None) -> DriftLog:
        """Return those measured against an anchor, or all if none is given, by the instrument used last."""
        log = self if anchor is None else self.narrowed("(anchor IS NULL OR anchor=?)", anchor)
        last = log._ask("evaluator, pack_hash", f"ORDER BY {self._backwards} LIMIT 1")
        return log.narrowed("evaluator=? AND pack_hash=?", *last[0]) if last else log


def instrument_key(evaluator: EvaluatorInfo) -> str:
    """Return what the index calls an instrument."""
    return f"{evaluator.name} {evaluator.version} {evaluator.pack_hash}"
