"""One persona with everything recorded about it: what every view is built from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import groupby
from types import MappingProxyType

from personalab_core.identity.drift.watch import Drift
from personalab_core.schemas import AnchorRecord, AssetOutcome, AttemptRecord, Character, Decision, OverrideRecord
from personalab_core.views import numbers, words
from personalab_core.views.drift_points import DriftPoints
from personalab_core.views.logs import AttemptLog, DriftLog
from personalab_core.views.pictures import Picture, picture


def _not_watched(_anchor: str | None) -> None:
    """Say nothing: nobody watches this timeline."""


@dataclass(frozen=True, eq=False)
class PersonaHistory:
    """A persona and its records, oldest first. ``problems`` are lines that could not be read."""

    character: Character
    attempts: AttemptLog
    drift: DriftLog
    anchors: tuple[AnchorRecord, ...] = ()
    problems: tuple[str, ...] = ()
    look: Callable[[str | None], Drift | None] = _not_watched
    """Asks the drift monitor about the timeline against an anchor, given by its hash."""
    look_at_canaries: Callable[[str | None], Drift | None] = _not_watched
    """The same of the canaries' timeline."""

    @property
    def id(self) -> str:
        """The persona's id."""
        return self.character.id

    @property
    def name(self) -> str:
        """The persona's full name."""
        return self.character.name

    @property
    def first_name(self) -> str:
        """What a sentence calls the persona."""
        return words.first_name(self.name)

    @property
    def anchor(self) -> AnchorRecord | None:
        """The frontal anchor in force, or ``None``."""
        chosen = [r for r in self.anchors if r.kind == "anchor_selected" and r.anchor_kind == "frontal"]
        return chosen[-1] if chosen else None

    @property
    def anchor_picture(self) -> Picture | None:
        """The anchor in force, or the first candidate made, or ``None``."""
        record = self.anchor or next((r for r in self.anchors if r.kind == "anchor_candidate"), None)
        if record is None:
            return None
        what = "anchor" if self.anchor else "first draft, not yet an anchor"
        return anchor_picture(record, alt=f"{self.name}, {what}")

    @cached_property
    def timeline(self) -> DriftLog:
        """The pictures' drift records against the anchor in force, by the instrument used last.

        Others are never mixed in. Videos are left out: their scores are means over frames, and lower.
        """
        anchor = self.anchor.image_sha256 if self.anchor else None
        return self.drift.narrowed("asset_type='image'").against(anchor)

    @cached_property
    def points(self) -> DriftPoints:
        """The timeline as a chart needs it."""
        return DriftPoints(self.timeline)

    @property
    def monitored(self) -> Drift | None:
        """What the drift monitor says of the timeline in force, ``None`` while it has no record."""
        return self.look(self.anchor.image_sha256 if self.anchor else None) if self.timeline else None

    @property
    def behind(self) -> bool:
        """Whether a part of the timeline is not judged yet, so that what the monitor says may not hold."""
        found = self.monitored
        return found is not None and found.behind_bytes > 0

    @property
    def canaries(self) -> Drift | None:
        """What the drift monitor says of the fixed prompts, ``None`` if none was run."""
        return self.look_at_canaries(self.anchor.image_sha256 if self.anchor else None)

    def asset_of(self, attempt: AttemptRecord) -> tuple[int, Asset]:
        """Return the asset an attempt belongs to, with its place among the persona's assets from 1."""
        rows = self.attempts.of_asset(attempt.asset_id).sorted_by("attempt", "line")
        asset = Asset(attempt.asset_id, tuple(rows), self.attempts.overrides)
        return self.attempts.asset_number(self.id, attempt.asset_id), asset

    def last_outcomes(self, n: int) -> list[AssetOutcome]:
        """Return how the last ``n`` assets that have ended did end, in the order in which they were begun."""
        return self.attempts.last_outcomes(n)


def judged_so_far(history: PersonaHistory) -> str:
    """Return how many records of a timeline the drift monitor has judged, of how many."""
    found = history.monitored
    n = found.status.n if found else 0
    return f"{numbers.count(n)} of {numbers.count(len(history.timeline))} records of {history.first_name}"


@dataclass(frozen=True, slots=True)
class Asset:
    """All attempts for one picture or video that was wanted, with what a person decided on them."""

    asset_id: str
    attempts: tuple[AttemptRecord, ...]
    overrides: Mapping[str, OverrideRecord] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def outcome(self) -> AssetOutcome | None:
        """How it ended, or ``None`` while it is still being tried."""
        return self.attempts[-1].outcome

    @property
    def accepted(self) -> bool:
        """Whether one of the attempts counts as accepted: a person's decision goes before the measured one."""
        return any(self.decision_on(attempt) is Decision.ACCEPT for attempt in self.attempts)

    def decision_on(self, attempt: AttemptRecord) -> Decision:
        """Return the decision in force on one of the attempts."""
        said = self.overrides.get(attempt.attempt_id)
        return said.decision if said and said.decision else attempt.decision

    @property
    def said(self) -> OverrideRecord | None:
        """A person's last decision on one of the attempts, or ``None``."""
        found = [self.overrides[r.attempt_id] for r in self.attempts if r.attempt_id in self.overrides]
        return max(found, key=lambda record: record.timestamp, default=None)


def attempts_together(histories: Sequence[PersonaHistory]) -> AttemptLog:
    """Return the attempts of one or several personas, in the order of time."""
    places = ",".join("?" * len(histories))
    ids = tuple(history.id for history in histories)
    overrides = {attempt: record for history in histories for attempt, record in history.attempts.overrides.items()}
    # The plus keeps SQLite from going persona by persona and sorting: the index of times is in order already.
    several = "+" if len(histories) > 1 else ""
    return replace(
        histories[0].attempts,
        where=f"{several}persona IN ({places})",
        arguments=ids,
        order="at, id",
        overrides=MappingProxyType(overrides),
    )


def group_assets(attempts: Iterable[AttemptRecord], overrides: Mapping[str, OverrideRecord]) -> list[Asset]:
    """Return the attempts by asset, assets in the order of their first attempt."""
    rows = list(attempts)
    order = {asset_id: n for n, asset_id in enumerate(dict.fromkeys(r.asset_id for r in rows))}
    ranked = sorted(rows, key=lambda r: (order[r.asset_id], r.attempt))
    grouped = groupby(ranked, key=lambda r: r.asset_id)
    return [Asset(asset_id, tuple(own), overrides) for asset_id, own in grouped]


def spent_on(attempts: Sequence[AttemptRecord], *, nothing: str) -> str:
    """Return what attempts have cost, in words; ``nothing`` if there are none yet."""
    if not attempts:
        return nothing
    if all(r.context.simulated for r in attempts):
        return "$0.00, simulated"
    return numbers.money(numbers.total_usd(r.cost.amount_usd for r in attempts))


def anchor_picture(record: AnchorRecord, *, alt: str) -> Picture | None:
    """Return the picture of an anchor or a candidate."""
    return picture("references", record.path, record.image_sha256, thumbnail=record.thumbnail_path, alt=alt)


def attempt_picture(record: AttemptRecord, *, name: str) -> Picture | None:
    """Return the picture of an attempt; its words say persona, decision and score."""
    mark = words.decision_mark(record).word.lower()
    value = f", score {record.scores.composite:.2f}" if record.scores.composite is not None else ""
    return picture(
        "output",
        record.image_path,
        record.image_sha256,
        thumbnail=record.thumbnail_path,
        alt=f"{name}, attempt {record.attempt}: {mark}{value}",
    )
