"""What the pages say about a steady, a drifting and a new persona, and one without an anchor."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, timedelta
from pathlib import Path

import pytest

from personalab_core.config import load_config
from personalab_core.jobs import BatchItem, BatchParams, GenerateImagesParams, Job, WorkspaceRef
from personalab_core.orchestration import OverrideWriter
from personalab_core.schemas import Decision, Reason
from personalab_core.views.anchors import build_anchors_view
from personalab_core.views.attempt import build_attempt_view, diff, find_attempt, shortened
from personalab_core.views.attempts import PAGE_SIZE, AttemptFilter, build_attempts_view
from personalab_core.views.cuts import cut
from personalab_core.views.drift import DriftFilter, build_comparison, build_drift_view, pick_record, timeline_csv
from personalab_core.views.generate import Rules, all_simulated, build_run_view, overrides_of, rules_of
from personalab_core.views.history import PersonaHistory
from personalab_core.views.overview import build_overview_view
from personalab_core.views.pictures import Picture
from personalab_core.views.run_choice import ModelChoice, Order, estimate, what_is_ordered
from personalab_core.views.runs import NEW_RUN, page_run, rows_to_show
from personalab_core.views.workspace import Workspace
from tests.support.workspace_builder import NOW, WorkspaceBuilder, face_summary

AT = {"now": NOW, "zone": UTC}
RULES = Rules(accept_threshold=0.55, retry_threshold=0.35, max_attempts=3)


def job(state: str = "running", *, kind: str = "generate_images", n: int = 4, done: int = 0, **changed: object) -> Job:
    params = GenerateImagesParams(
        workspace=WorkspaceRef(), persona="mara", scenario="cafe_selfie", n_assets=n, seed=7, overrides={}
    )
    fields: dict[str, object] = {
        "id": "job1",
        "kind": kind,
        "persona": "mara",
        "title": "",
        "state": state,
        "done": done,
        "total": n,
        "message": "",
        "created_at": NOW - timedelta(minutes=5),
        "started_at": NOW - timedelta(minutes=4),
        "finished_at": None,
        "heartbeat_at": NOW,
        "error": None,
        "run": 1,
        "pid": 1,
        "params_json": params.model_dump_json(),
        **changed,
    }
    return Job(**fields)  # type: ignore[arg-type]


def history_of(builder: WorkspaceBuilder, persona: str = "mara") -> PersonaHistory:
    space = Workspace.open(WorkspaceRef(folder=str(builder.root), profile="simulated"))
    return space.history(space.personas.get(persona))


@pytest.fixture
def builder(tmp_path: Path) -> WorkspaceBuilder:
    made = WorkspaceBuilder(tmp_path)
    made.persona("Mara Lindqvist", persona_id="mara")
    return made


# Overview -------------------------------------------------------------------------------


def test_who_needs_a_person_comes_first_and_is_named(typical: Mapping[str, PersonaHistory]) -> None:
    view = build_overview_view(list(typical.values()), [], **AT)
    assert view.answer == "One of four personas needs you: Ines."
    assert [card.id for card in view.urgent] == ["ines"]
    assert {card.id: card.mark.word for card in view.others} == {
        "juno": "Calibrating, 5 of 40",
        "mara": "Same person",
        "noor": "Not measured: no anchor",
    }
    assert "Mara is the same person as the anchor" in view.detail


def test_a_persona_without_pictures_has_no_numbers(typical: Mapping[str, PersonaHistory]) -> None:
    view = build_overview_view([typical["noor"]], [], **AT)
    (card,) = view.others
    assert card.figures == ()
    assert card.spark == ()
    assert card.anchor is None


def test_an_empty_workspace_leads_to_the_first_persona() -> None:
    view = build_overview_view([], [], **AT)
    assert view.empty
    assert view.answer == "No persona yet. The first one takes about two minutes."


def test_personas_in_the_same_state_share_a_clause(
    typical: Mapping[str, PersonaHistory], builder: WorkspaceBuilder
) -> None:
    view = build_overview_view([typical["noor"], history_of(builder)], [], **AT)
    assert view.detail == "Noor and Mara have no anchor yet."


def test_the_example_under_way_is_the_answer(typical: Mapping[str, PersonaHistory]) -> None:
    run = job(kind="demo_history", persona=None, done=1)
    view = build_overview_view([typical["juno"]], [run], **AT)
    assert view.answer == "The example personas are being made."
    assert "the run goes on" in view.detail


def test_many_assets_without_an_accepted_picture_need_a_look(builder: WorkspaceBuilder) -> None:
    builder.anchors("mara")
    for score in (0.7, 0.3, 0.71, 0.3, 0.3):
        builder.asset("mara", score)
    view = build_overview_view([history_of(builder)], [], **AT)
    assert view.urgent[0].mark.word == "3 of last 5 not accepted"
    assert view.answer == "Mara needs a look."


def test_a_lost_run_is_shown_until_a_newer_one_replaces_it() -> None:
    lost = job("lost", done=3, id="old")
    names = {"mara": "Mara Lindqvist"}
    (row,) = rows_to_show([lost], names, now=NOW)
    assert row.line.startswith("The run stopped when its process ended. 3 of 4")
    assert row.resumable
    assert rows_to_show([job("done", id="new"), lost], names, now=NOW) == ()


# Anchors --------------------------------------------------------------------------------


def test_the_anchor_is_explained_and_the_odd_one_is_named(typical: Mapping[str, PersonaHistory]) -> None:
    view = build_anchors_view(typical["ines"], **AT)
    assert view.answer == "Frontal 2 is the anchor of Ines."
    assert "Frontal 4 stands apart" in view.detail
    assert view.matrix is not None
    assert view.matrix.title == "Three candidates agree; Frontal 4 stands apart"
    assert [c.flag.word for c in view.candidates if c.flag] == ["Stands apart"]
    first, _, _, odd = view.candidates
    assert view.similarity(first.id, odd.id) == pytest.approx(0.21)
    assert view.ranking[0][0] == "1. Frontal 2"
    assert view.ranking[-1][0] == "4. Frontal 4"
    assert view.records_at_stake == len(typical["ines"].drift)


def test_candidates_without_a_choice_have_no_similarity(builder: WorkspaceBuilder) -> None:
    builder.anchors("mara", choose=None)
    view = build_anchors_view(history_of(builder), **AT)
    assert view.in_force_id is None
    assert view.matrix is None
    assert {c.value for c in view.candidates} == {""}
    assert "no anchor yet" in view.answer


# Attempts -------------------------------------------------------------------------------


def test_attempts_are_paged_newest_first(typical: Mapping[str, PersonaHistory]) -> None:
    everyone = list(typical.values())
    view = build_attempts_view(everyone, AttemptFilter(), **AT)
    n = sum(len(h.attempts) for h in everyone)
    assert view.n_all == n
    assert len(view.cards) == PAGE_SIZE
    assert [row.when for row in view.rows] == sorted((row.when for row in view.rows), reverse=True)
    last = build_attempts_view(everyone, AttemptFilter(page=99), **AT)
    assert last.page == view.n_pages
    assert len(last.cards) == n - PAGE_SIZE * (view.n_pages - 1)


def test_filters_hide_and_say_so(typical: Mapping[str, PersonaHistory]) -> None:
    wanted = AttemptFilter(persona="mara", decision="unmeasured", reason=Reason.NO_FACE)
    view = build_attempts_view(list(typical.values()), wanted, **AT)
    assert {row.reason for row in view.rows} == {"No face found"}
    assert {row.score for row in view.rows} == {None}
    assert "are hidden by the filters" in view.detail
    none = build_attempts_view(list(typical.values()), AttemptFilter(decision="reject"), **AT)
    assert none.answer == "No attempt matches."


def test_one_attempt_is_explained(typical: Mapping[str, PersonaHistory]) -> None:
    found = find_attempt(list(typical.values()), "mara-0003-1")
    assert found is not None
    view = build_attempt_view(*found, **AT)
    assert view.eyebrow == "Attempt 1 of asset 3, Mara Lindqvist"
    assert view.next_id == "mara-0003-2"
    assert view.previous_id is None
    assert [bar.label for bar in view.scores] == ["Composite", "Embedding", "Geometric error"]
    assert view.scores[0].ticks == (0.35, 0.55)
    assert view.formula.startswith("0.70 × 0.29 + 0.30 × (1")
    assert view.ratios is not None
    assert view.ratios.title == "Jaw width is outside the limit, six fit"
    anchor, candidate = view.sides
    assert len(anchor.points) == len(candidate.points) == 106
    assert set(range(33)) <= set(candidate.hot)
    assert ("+", " Keep the face exactly, level 1.") in view.prompt.parts


def test_an_attempt_without_a_score_shows_none(builder: WorkspaceBuilder) -> None:
    builder.anchors("mara")
    attempt, _ = builder.asset("mara", Reason.BLOCKED, 0.7)
    view = build_attempt_view(history_of(builder), attempt, **AT)
    assert view.scores == ()
    assert view.ratios is None
    assert view.formula == ""
    assert view.sides[1].picture is None
    assert view.sides[1].missing == "Blocked by the provider"


def test_an_unknown_attempt_is_not_found(typical: Mapping[str, PersonaHistory]) -> None:
    assert find_attempt(list(typical.values()), "../../etc/passwd") is None


def test_a_difference_keeps_every_word_of_both_texts() -> None:
    before, after = "strong side light, half body", "soft front light, half body. Keep the jaw."
    parts = diff(before, after)
    assert "".join(text for kind, text in parts if kind != "+") == before
    assert "".join(text for kind, text in parts if kind != "-") == after


def test_long_unchanged_stretches_are_shortened() -> None:
    same = " ".join(f"word{n}" for n in range(60))
    parts = shortened(diff(same, f"{same} new"))
    assert parts[0][1].startswith(" … ")
    assert parts[0][1].endswith("word59")
    assert parts[1] == ("+", " new")


# Drift ----------------------------------------------------------------------------------


def test_a_change_is_said_with_its_moment_and_size_and_without_a_cause(typical: Mapping[str, PersonaHistory]) -> None:
    view = build_drift_view(typical["ines"], DriftFilter(), **AT)
    assert view.answer == "Ines has changed since about record 54, ±3."
    assert "fell by 0.10" in view.detail  # the builder lets it fall by .1
    assert "from where is too early to tell" in view.detail
    assert "0.000 through the mix of framings" in view.detail
    assert "not an alarm" in view.slope
    assert (view.mark.kind, view.mark.word, view.asks) == ("watch", "Level down", True)
    assert view.lines is not None and view.lines.change is not None
    assert view.lines.calibrating == ((1, 40),)
    assert view.lines.level_after[0][0] >= 54 >= view.lines.level[-1][0]
    assert [(e.what, e.reason) for e in view.events] == [("Found: level down", "")]


def test_too_early_for_a_verdict(typical: Mapping[str, PersonaHistory]) -> None:
    view = build_drift_view(typical["juno"], DriftFilter(), **AT)
    assert view.answer == "Too early for a verdict on drift: 5 of 40 records."
    assert view.lines is not None
    assert (view.lines.level, view.lines.change, view.lines.strips[0].line) == ((), None, ())


def test_a_timeline_is_saved_with_what_the_monitor_made_of_it(typical: Mapping[str, PersonaHistory]) -> None:
    found = typical["ines"].monitored
    assert found is not None
    header, first, *_, last = (line.split(",") for line in timeline_csv(found).splitlines())
    row = dict(zip(header, last, strict=True))
    assert (row["record"], row["framing"], row["baseline"]) == ("79", "half", "1")
    assert float(row["lower_limit"]) < float(row["upper_limit"])
    assert first[header.index("level")] == ""


def test_personas_are_compared_by_their_adjusted_level(typical: Mapping[str, PersonaHistory]) -> None:
    comparison = build_comparison(list(typical.values()))
    assert [name for name, _ in comparison.lines] == ["Ines", "Mara"]
    assert comparison.lines[0][1][-1][1] < comparison.lines[1][1][-1][1]


def test_a_filter_keeps_the_numbers_of_the_whole_timeline(typical: Mapping[str, PersonaHistory]) -> None:
    history = typical["mara"]
    view = build_drift_view(history, DriftFilter(frame_sizes=("full",)), **AT)
    assert {p.frame_size for p in view.points} == {"full"}
    wanted = [n for n, r in enumerate(history.timeline, 1) if r.frame_size == "full"]
    assert [p.number for p in view.points] == wanted
    assert view.n_records == len(history.timeline)


def test_the_picked_record_is_the_clicked_one_or_the_newest(typical: Mapping[str, PersonaHistory]) -> None:
    history = typical["mara"]
    picked = pick_record(history, history.timeline[4].attempt_id, **AT)
    assert picked is not None
    assert picked.title == "Record 5 beside the anchor"
    newest = pick_record(history, "not there", **AT)
    assert newest is not None
    assert newest.title == f"Record {len(history.timeline)} beside the anchor"
    assert pick_record(typical["noor"], None, **AT) is None


def test_another_anchor_starts_another_timeline(builder: WorkspaceBuilder) -> None:
    builder.anchors("mara")
    builder.asset("mara", 0.7)
    builder.anchors("mara", choose=2)
    changed = history_of(builder)
    assert not changed.timeline
    assert build_drift_view(changed, DriftFilter(), **AT).answer.startswith("Mara has a new anchor")
    assert build_overview_view([changed], [], **AT).others[0].mark.word == "New anchor"
    builder.asset("mara", 0.8)
    history = history_of(builder)
    assert [r.composite_score for r in history.timeline] == [0.8]
    assert "1 record of another anchor" in build_drift_view(history, DriftFilter(), **AT).lead.replace("\u00a0", " ")


def test_a_face_is_centred_by_its_cut() -> None:
    # Box 24..72 x 18..90 of a 96x120 picture: centre (48, 54), height 72.
    laid = cut(Picture("", "", ""), "Anchor", face_summary(), 96)
    per_px = 0.62 * 1.25 / 72
    assert laid.width_percent == pytest.approx(100 * 96 * per_px)
    assert laid.left_percent == pytest.approx(100 * (0.5 - 48 * per_px))
    assert laid.top_percent == pytest.approx(100 * (0.625 - 54 * per_px) / 1.25)
    assert cut(Picture("", "", ""), "Anchor", None, 96).width_percent is None


# Generate -------------------------------------------------------------------------------


def test_a_running_run_says_which_asset_is_under_way(builder: WorkspaceBuilder) -> None:
    builder.anchors("mara")
    builder.asset("mara", 0.47, 0.78, job_id="job1")
    builder.asset("mara", 0.81, job_id="job1")
    builder.asset("mara", Reason.NO_FACE, job_id="job1", finished=False)
    view = build_run_view(history_of(builder), job(done=2), rules=RULES, simulated=True, **AT)
    assert view.answer.replace("\u00a0", " ") == "2 of 4 assets accepted, the third is being tried again."
    first, _, third, waiting = view.lanes
    assert [step.patch for step in first.steps] == ["Next: closer to the anchor", ""]
    assert [step.working for step in third.steps] == [False, True]
    assert third.steps[0].patch == "Next: a clear face"
    assert waiting.note == "Starts when asset 3 is decided."


def test_several_at_once_are_numbered_by_their_place(builder: WorkspaceBuilder) -> None:
    builder.anchors("mara")
    run = job(id="mara", n=8, done=1)  # the builder's assets are named "mara-0002"; a run counts its own from 0
    builder.n_assets["mara"] = 1
    builder.asset("mara", 0.81, job_id="mara")
    builder.n_assets["mara"] = -1
    builder.asset("mara", Reason.NO_FACE, job_id="mara", finished=False)
    view = build_run_view(history_of(builder), run, rules=RULES, at_once=4, simulated=True, **AT)
    assert view.answer.replace("\u00a0", " ") == "1 of 8 assets accepted, four are being made."
    titles = [(lane.title, lane.mark.word) for lane in view.lanes]
    assert titles == [
        ("Asset 1", "Generating"),
        ("Asset 2", "Generating"),
        ("Asset 3", "Accepted"),
        ("Asset 4", "Generating"),
        ("Asset 5", "Generating"),
        ("Assets 6 to 8", "Waiting"),
    ]
    assert view.lanes[-1].note.startswith("Four are made at the same time")


def test_a_run_counts_what_a_person_decided(builder: WorkspaceBuilder) -> None:
    builder.anchors("mara")
    (taken,) = builder.asset("mara", 0.81, job_id="job1")
    (refused,) = builder.asset("mara", 0.31, job_id="job1")
    (kept,) = builder.asset("mara", 0.32, job_id="job1")
    writer = OverrideWriter(builder.config.paths.output)
    writer.override(taken, Decision.REJECT_FINAL, reason="squints")
    writer.override(refused, Decision.ACCEPT, reason="client approved")
    writer.override(kept, Decision.ACCEPT, reason="client approved")
    view = build_run_view(history_of(builder), job("done", n=3, done=3), rules=RULES, simulated=True, **AT)
    assert view.answer.replace("\u00a0", " ") == "2 of 3 assets accepted."
    assert dict(view.facts)["Accepted"] == "2 of 3"
    assert [lane.mark.word for lane in view.lanes] == ["Rejected by you", "Accepted by you", "Accepted by you"]
    assert view.lanes[0].steps[-1].mark.word == "Rejected by you"


def test_a_run_is_free_only_where_all_it_makes_is(tmp_path: Path) -> None:
    (tmp_path / "config.yml").write_text(
        "models:\n  image: {provider: simulated, model_name: portrait-image-1}\n"
        "  video: {provider: runway, model_name: gen4.5}\n"
    )
    config = load_config(workspace=tmp_path)
    items = (BatchItem(persona="mara", scenario="a"), BatchItem(persona="mara", asset_type="video", scenario="b"))
    mixed = BatchParams(workspace=WorkspaceRef(), items=items)
    assert not all_simulated(job(kind="batch", params_json=mixed.model_dump_json()), config)
    pictures = BatchParams(workspace=WorkspaceRef(), items=items[:1])
    assert all_simulated(job(kind="batch", params_json=pictures.model_dump_json()), config)
    elsewhere = {"models.image.provider": "replicate"}
    paid = GenerateImagesParams(workspace=WorkspaceRef(), persona="mara", scenario="a", overrides=elsewhere)
    assert not all_simulated(job(params_json=paid.model_dump_json()), config)


def test_a_lost_run_says_what_is_safe(builder: WorkspaceBuilder) -> None:
    builder.anchors("mara")
    builder.asset("mara", 0.81, job_id="job1")
    view = build_run_view(history_of(builder), job("lost", done=1), rules=RULES, simulated=True, **AT)
    assert view.answer == "The run stopped when its process ended."
    assert view.detail.replace("\u00a0", " ") == "1 of 4 assets are safe. Resume goes on with the next."
    assert view.lanes[-1].title == "Assets 2 to 4"
    assert not any(step.working for lane in view.lanes for step in lane.steps)


def test_the_button_names_number_and_price(typical: Mapping[str, PersonaHistory]) -> None:
    portraits = Order(ModelChoice("simulated", "portrait-image-1"), 4, max_attempts=3)
    videos = Order(ModelChoice("simulated", "portrait-video-1", "video"), 1, max_attempts=3)
    assert what_is_ordered([portraits, videos]) == "4 pictures and 1 video"
    simulated = estimate(typical["mara"], [portraits])
    assert simulated.price == "(simulated, $0.00)"
    assert simulated.sentence.startswith("Simulated, $0.00: nothing is spent.")
    nobody_knows = Order(ModelChoice("gemini", "a-model-without-a-price"), 1, max_attempts=3)
    assert estimate(typical["noor"], [nobody_knows]).price == "(price unknown)"


def test_only_changed_rules_go_with_the_job() -> None:
    assert overrides_of(RULES, RULES) == {}
    stricter = Rules(accept_threshold=0.6, retry_threshold=0.35, max_attempts=5)
    changed = overrides_of(stricter, RULES)
    assert changed == {"evaluation.scoring.accept_threshold": 0.6, "evaluation.retry.max_attempts": 5}
    params = GenerateImagesParams(workspace=WorkspaceRef(), persona="mara", scenario="cafe_selfie", overrides=changed)
    assert rules_of(job(params_json=params.model_dump_json()), RULES) == stricter
    assert rules_of(job(params_json="{broken"), RULES) == RULES


def test_the_page_finds_its_run_again() -> None:
    running, ended = job(id="a"), job("done", id="b")
    assert page_run([running, ended], wanted=None) is running
    assert page_run([running, ended], wanted="b") is ended
    assert page_run([running, ended], wanted="nonsense") is running
    assert page_run([running, ended], wanted=NEW_RUN) is None
    assert page_run([job(kind="generate_anchors")], wanted=None) is None
