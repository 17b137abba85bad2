"""Tables of the drift benchmark: on the terminal, and between two marks in ``docs/drift.md``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

MEASURED = ("<!-- measured: begin -->", "<!-- measured: end -->")


@dataclass(frozen=True, slots=True)
class Row:
    """One criterion: what must be reached, what was measured by seed, and whether all seeds together reach it."""

    criterion: str
    target: str
    measured: tuple[str, ...]
    reached: bool | None


@dataclass(frozen=True, slots=True)
class Table:
    """A title, column names and rows of text."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def markdown(self) -> str:
        """Return the table as Markdown."""
        lines = [self.columns, tuple("--" for _ in self.columns), *self.rows]
        return "\n".join([f"### {self.title}", "", *(f"| {' | '.join(line)} |" for line in lines)])


def criteria(rows: Sequence[Row], seeds: Sequence[int]) -> Table:
    """Return the table of targets."""
    said = {True: "yes", False: "**no**", None: "–"}
    body = tuple((r.criterion, r.target, *r.measured, said[r.reached]) for r in rows)
    columns = ("criterion", "must reach", *(f"seed {seed}" for seed in seeds), "reached")
    return Table("Targets", columns, body)


def write_tables(path: Path, tables: Sequence[Table], *, how: str, marks: tuple[str, str] = MEASURED) -> None:
    """Put the tables between the marks of a document; everything else stays as it is."""
    text = path.read_text(encoding="utf-8")
    begin, end = marks
    before, rest = text.split(begin)
    after = rest.split(end)[1]
    body = "\n\n".join([how, *(table.markdown() for table in tables)])
    path.write_text(f"{before}{begin}\n\n{body}\n\n{end}{after}", encoding="utf-8")
