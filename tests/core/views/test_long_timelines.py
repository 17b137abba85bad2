"""A timeline too long to be judged while a page is made is judged elsewhere, and until then no page gives a verdict."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path

from personalab_core.jobs.judging import BackgroundJudge, judge_all
from personalab_core.schemas import Character, Decision
from personalab_core.views.conditions import condition_of
from personalab_core.views.drift import DriftFilter, build_drift_view
from personalab_core.views.drift_points import DriftPoints
from personalab_core.views.overview import build_overview_view
from personalab_core.views.records import Records
from tests.support.workspace_builder import NOW, WorkspaceBuilder

NOBODY = 2**22 + 1
"""No process has this id: it is above the kernel's limit."""


def drifted(builder: WorkspaceBuilder) -> tuple[Records, Character]:
    """A persona that changed, and records of whom nobody has judged any."""
    character = builder.persona("Ines", persona_id="ines")
    builder.anchors("ines")
    builder.history("ines", 62, after=44, step=-0.1)
    config = builder.config
    output, references, timelines = config.paths.output, config.paths.references, config.evaluation.drift.log_dir
    judge = BackgroundJudge(timelines, output, at_once_bytes=0, start=lambda *_: NOBODY)
    return Records(output, references, timelines, clock=lambda: NOW, judge=judge), character


def test_there_is_no_verdict_before_all_records_are_judged(tmp_path: Path) -> None:
    records, character = drifted(WorkspaceBuilder(tmp_path))
    history = records.history(character)
    view = build_drift_view(history, DriftFilter(), now=NOW, zone=UTC)
    assert history.behind and view.behind and not view.asks
    n = view.n_records
    assert view.answer == "Not all records of Ines are judged yet."
    assert view.mark.word == "Being judged" and len(view.points) == n, "the points are there"
    state = condition_of(history)
    assert (state.mark.word, state.urgency, state.why) == (
        "Being judged",
        None,
        f"0 of {n} records of Ines are judged so far.",
    )


def test_the_overview_promises_nothing_of_who_is_not_judged(tmp_path: Path) -> None:
    records, character = drifted(WorkspaceBuilder(tmp_path))
    view = build_overview_view([records.history(character)], [], now=NOW, zone=UTC)
    assert (view.answer, view.detail) == ("Nothing needs you so far.", "Ines is still being judged.")


def test_the_same_records_have_their_verdict_once_they_are_judged(tmp_path: Path) -> None:
    builder = WorkspaceBuilder(tmp_path)
    records, character = drifted(builder)
    before = records.history(character)
    assert before.behind
    judge_all(builder.config.evaluation.drift.log_dir, builder.config.paths.output)
    history = records.history(character)
    assert history is before and not history.behind, "only the verdict is new"
    assert build_drift_view(history, DriftFilter(), now=NOW, zone=UTC).answer.startswith("Ines has changed since")
    assert condition_of(history).urgency == 0


def test_a_timeline_in_columns_says_what_its_lines_say(tmp_path: Path) -> None:
    records, character = drifted(WorkspaceBuilder(tmp_path))
    timeline = records.history(character).timeline
    points, lines = DriftPoints(timeline), list(timeline)
    assert (len(points), points.n_accepted) == (len(lines), sum(r.decision is Decision.ACCEPT for r in lines))
    assert points.simulated and points.providers == ("simulated",)
    assert points.frame_sizes == ("head", "half", "full")
    drawn = points.drawn(DriftFilter())
    assert [(p.number, p.score, p.frame_size, p.attempt_id) for p in drawn] == [
        (n, r.composite_score, r.frame_size, r.attempt_id) for n, r in enumerate(lines, 1)
    ]
    assert [p.number for p in points.drawn(DriftFilter(("half",)))] == [
        n for n, r in enumerate(lines, 1) if r.frame_size == "half"
    ]
    assert points.drawn(DriftFilter((), ("gemini",))) == ()
    assert points.number_of(lines[7].attempt_id) == 8 and points.number_of("nobody") == 0
