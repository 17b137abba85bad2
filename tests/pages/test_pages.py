"""Every page over an empty, a typical and a broken workspace; forms, runs and choices."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from personalab_core.identity.anchors import ANCHORS_LOG
from personalab_core.jobs import GenerateImagesParams, JobStore, WorkspaceRef
from personalab_core.jobs.demo import prepare_demo
from personalab_core.observability import Journal
from personalab_core.schemas import AnchorRecord, DriftEventRecord, Reason
from personalab_core.views.workspace import Workspace
from tests.pages.conftest import OpenPage, answer_of, labels_of, words_of
from tests.support.workspace_builder import WorkspaceBuilder

PAGES = ["overview", "anchors", "generate", "attempts", "drift"]
EVERY_PAGE = [*PAGES, "personas", "evaluate", "system"]


@pytest.fixture
def jobs(builder: WorkspaceBuilder, monkeypatch: pytest.MonkeyPatch) -> JobStore:
    """The workspace's jobs. No worker is started: this process stands in, so that jobs count as alive."""
    store = JobStore(builder.config.paths.jobs, start=lambda *_: os.getpid())
    monkeypatch.setattr(Workspace, "jobs", store)
    monkeypatch.setattr(
        Workspace, "start_demo", lambda self: prepare_demo(str(self.reference.folder), open_store=lambda _: store)
    )
    return store


@pytest.fixture
def mara(builder: WorkspaceBuilder) -> WorkspaceBuilder:
    builder.persona("Mara Lindqvist", persona_id="mara")
    builder.anchors("mara")
    return builder


@pytest.mark.parametrize("page", EVERY_PAGE)
def test_an_empty_workspace_has_a_sentence(page: str, open_page: OpenPage, tmp_path: Path) -> None:
    at = open_page(page, tmp_path)
    assert not at.exception
    assert "could not be shown" not in words_of(at)
    assert answer_of(at)
    assert "Simulated" in words_of(at)


@pytest.mark.parametrize(
    ("page", "answer"),
    [
        ("overview", "One of four personas needs you: Ines."),
        ("anchors", "Frontal 2 is the anchor of Ines."),
        ("generate", "Ines is ready for new pictures."),
        ("attempts", "attempts of Ines were not accepted."),
        ("drift", "Ines has changed since about record 54, ±3."),
    ],
)
def test_a_typical_workspace_is_answered_first(page: str, answer: str, open_page: OpenPage, typical_root: Path) -> None:
    at = open_page(page, typical_root, **({} if page == "overview" else {"persona": "ines"}))
    assert not at.exception
    assert answer_of(at).endswith(answer)
    assert "Simulated" in words_of(at)


@pytest.mark.parametrize("page", PAGES)
def test_a_broken_workspace_takes_no_page_down(page: str, open_page: OpenPage, mara: WorkspaceBuilder) -> None:
    for score in (0.7, 0.71, 0.72):
        mara.asset("mara", score)
    mara.break_line("mara")
    mara.break_persona()
    at = open_page(page, mara.root, **({} if page == "overview" else {"persona": "mara"}))
    assert not at.exception
    assert "could not be shown" not in words_of(at)
    said = " ".join(expander.label for expander in at.expander).replace("\u00a0", " ")
    assert "could not be read" in said


@pytest.mark.parametrize("page", EVERY_PAGE)
def test_a_broken_setting_is_one_sentence(page: str, open_page: OpenPage, tmp_path: Path) -> None:
    (tmp_path / "config.yml").write_text("evaluation:\n  scoring:\n    acept_threshold: 0.5\n")
    at = open_page(page, tmp_path)
    assert not at.exception
    assert answer_of(at) == "A setting is wrong."
    assert "acept_threshold" in words_of(at)


def test_an_unknown_persona_in_the_address_is_ignored(open_page: OpenPage, typical_root: Path) -> None:
    at = open_page("drift", typical_root, persona="../../etc/passwd")
    assert not at.exception
    assert "Drift of Ines Duarte" in words_of(at)


def test_a_new_record_is_seen_by_the_next_run(open_page: OpenPage, mara: WorkspaceBuilder) -> None:
    mara.asset("mara", 0.7)
    at = open_page("attempts", mara.root, persona="mara")
    assert answer_of(at) == "All 1 attempts of Mara were accepted."
    mara.asset("mara", 0.3)
    assert answer_of(at.run()) == "1 of 2 attempts of Mara were not accepted."


def test_unmeasured_is_a_word_and_never_a_zero(open_page: OpenPage, mara: WorkspaceBuilder) -> None:
    (attempt,) = mara.asset("mara", Reason.NO_EVALUATOR)
    at = open_page("attempts", mara.root, attempt=attempt.attempt_id)
    assert answer_of(at) == "Not measured: no face recogniser is installed."
    assert "0.00" not in words_of(at).replace("$0.00", "")


# Attempts -------------------------------------------------------------------------------


def test_the_detail_opens_from_the_address_and_leads_on(open_page: OpenPage, typical_root: Path) -> None:
    at = open_page("attempts", typical_root, attempt="ines-0003-1")
    assert answer_of(at) == "Not sure it is Ines: jaw width differs."
    assert labels_of(at) == ["All attempts", "Disagree", "Next attempt"]
    at.button(key="attempt.next").click().run()
    assert answer_of(at) == "This is Ines."


def test_an_attempt_of_another_workspace_is_not_found(open_page: OpenPage, typical_root: Path) -> None:
    at = open_page("attempts", typical_root, attempt="nobody-0001-1")
    assert answer_of(at) == "This attempt is not in the records."


def test_the_sheet_filters_by_decision(open_page: OpenPage, typical_root: Path) -> None:
    at = open_page("attempts", typical_root, persona="ines")
    at.session_state["attempts.decision"] = {"selected": ["reject"]}
    at.run()
    assert answer_of(at) == "No attempt matches."
    at.button(key="attempts.clear").click().run()
    assert answer_of(at).endswith("attempts of Ines were not accepted.")


def test_the_sheet_turns_into_a_table(open_page: OpenPage, typical_root: Path) -> None:
    at = open_page("attempts", typical_root, persona="ines")
    at.session_state["attempts.look"] = {"selected": ["table"]}
    at.run()
    assert not at.exception
    assert len(at.dataframe) == 1


# Drift ----------------------------------------------------------------------------------


def test_a_clicked_point_brings_its_picture(open_page: OpenPage, typical_root: Path) -> None:
    at = open_page("drift", typical_root, persona="ines")
    at.session_state["drift.chart"] = {"selection": {"points": [{"customdata": "ines-0002-1"}]}}
    at.run()
    assert "Record 2 beside the anchor" in words_of(at)


@pytest.mark.parametrize(("button", "event"), [("drift.accept", "accepted"), ("drift.hold", "held")])
def test_a_change_is_answered_with_a_reason(button: str, event: str, open_page: OpenPage, tmp_path: Path) -> None:
    builder = WorkspaceBuilder(tmp_path / "work")
    builder.persona("Ines Duarte", persona_id="ines")
    builder.anchors("ines")
    builder.history("ines", 62, after=44, step=-0.1)
    at = open_page("drift", builder.root, persona="ines")
    assert at.button(key=button).disabled
    at.text_input(key="drift.reason").set_value("new hair").run()
    at.button(key=button).click().run()
    assert not at.exception
    journal = builder.config.evaluation.drift.log_dir / "ines_drift_events.jsonl"
    last = Journal(journal, DriftEventRecord).read().records[-1]
    assert (last.event, last.reason) == (event, "new hair")
    assert "drift.accept" not in [b.key for b in at.button]


# Anchors --------------------------------------------------------------------------------


def test_another_candidate_can_be_used(open_page: OpenPage, mara: WorkspaceBuilder) -> None:
    journal = Journal(mara.config.paths.references / "mara" / "anchors" / ANCHORS_LOG, AnchorRecord)
    third = journal.read().records[2]
    at = open_page("anchors", mara.root, persona="mara")
    assert "anchors.use" not in [button.key for button in at.button]
    at.session_state["anchors.picked.mara"] = {"selected": third.image_sha256}
    at.run()
    assert at.button(key="anchors.use").label == "Use Frontal 3"


def test_candidates_are_made_as_a_job(open_page: OpenPage, builder: WorkspaceBuilder, jobs: JobStore) -> None:
    builder.persona("Mara Lindqvist", persona_id="mara")
    at = open_page("anchors", builder.root, persona="mara")
    assert answer_of(at) == "No picture says yet who Mara is."
    at.button(key="anchors.make").click().run()
    assert not at.exception
    (job,) = jobs.list(persona="mara")
    assert (job.kind, job.total) == ("generate_anchors", 9)


# Generate -------------------------------------------------------------------------------


def test_a_run_starts_with_the_chosen_rules(open_page: OpenPage, mara: WorkspaceBuilder, jobs: JobStore) -> None:
    at = open_page("generate", mara.root, persona="mara")
    at.number_input(key="generate.n").set_value(2)
    at.number_input(key="generate.attempts").set_value(5)
    at.run()
    assert at.button(key="generate.start").label == "Generate 2 pictures (simulated, $0.00)"
    at.button(key="generate.start").click().run()
    assert not at.exception
    (job,) = jobs.list(persona="mara")
    params = GenerateImagesParams.model_validate_json(job.params_json)
    assert params.n_assets == 2
    assert params.overrides == {"evaluation.retry.max_attempts": 5}
    assert answer_of(at) == "The run waits for a free place."


def test_an_own_scene_needs_words(open_page: OpenPage, mara: WorkspaceBuilder, jobs: JobStore) -> None:
    at = open_page("generate", mara.root, persona="mara")
    at.multiselect(key="generate.scenes").set_value(["own"]).run()
    assert at.button(key="generate.start").disabled
    at.text_area(key="generate.text").set_value("Buying oranges at a market stall").run()
    at.button(key="generate.start").click().run()
    (job,) = jobs.list(persona="mara")
    prompt = GenerateImagesParams.model_validate_json(job.params_json).prompt
    assert prompt is not None
    assert prompt.action_details == "Buying oranges at a market stall"


def test_a_run_is_found_again_cancelled_and_resumed(
    open_page: OpenPage, mara: WorkspaceBuilder, jobs: JobStore
) -> None:
    reference = WorkspaceRef(folder=str(mara.root), profile="simulated")
    job_id = jobs.submit(
        "generate_images", GenerateImagesParams(workspace=reference, persona="mara", scenario="cafe_selfie", n_assets=4)
    )
    mara.asset("mara", 0.81, job_id=job_id, at=datetime.now(UTC))
    at = open_page("generate", mara.root, persona="mara")
    at.button(key="generate.cancel").click().run()
    assert jobs.get(job_id).state == "cancelled"
    at = open_page("generate", mara.root, persona="mara", run=job_id)
    assert answer_of(at) == "Cancelled: 1 of 4 assets accepted."
    at.button(key="generate.resume").click().run()
    assert jobs.get(job_id).state == "queued"


def test_without_an_anchor_there_is_no_run(open_page: OpenPage, builder: WorkspaceBuilder) -> None:
    builder.persona("Noor Haddad", persona_id="noor")
    at = open_page("generate", builder.root, persona="noor")
    assert answer_of(at) == "Noor has no anchor yet."
    assert labels_of(at) == ["Choose an anchor"]


# Overview -------------------------------------------------------------------------------


def test_the_first_step_makes_the_example(open_page: OpenPage, builder: WorkspaceBuilder, jobs: JobStore) -> None:
    at = open_page("overview", builder.root)
    assert labels_of(at) == ["Make the example personas", "Create the first persona"]
    at.button(key="overview.demo").click().run()
    assert [job.kind for job in jobs.list()] == ["demo_history"]
    assert (builder.root / "personas" / "daniperez.yml").is_file()


def test_a_foreign_folder_is_left_alone(open_page: OpenPage, builder: WorkspaceBuilder, jobs: JobStore) -> None:
    (builder.root / "thesis.txt").write_text("mine")
    at = open_page("overview", builder.root)
    at.button(key="overview.demo").click().run()
    assert "holds something else than the example; nothing was touched" in at.error[0].value
    assert not jobs.list()


def test_another_persona_can_be_chosen(open_page: OpenPage, typical_root: Path) -> None:
    at = open_page("drift", typical_root, persona="ines")
    at.selectbox(key="choice.persona").set_value("mara").run()
    assert "Drift of Mara Lindqvist" in words_of(at)
    at.switch_page("anchors.py").run()
    assert "Anchors of Mara Lindqvist" in words_of(at)


def test_everyone_is_a_choice_of_the_attempts(open_page: OpenPage, typical_root: Path) -> None:
    at = open_page("attempts", typical_root)
    assert at.selectbox(key="choice.anyone").value == ""
    at.selectbox(key="choice.anyone").set_value("mara").run()
    assert "Attempts of Mara Lindqvist" in words_of(at)
    at.selectbox(key="choice.anyone").set_value("").run()
    assert " of Mara" not in answer_of(at)


def test_without_a_face_recogniser_the_pages_say_so(
    open_page: OpenPage, mara: WorkspaceBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("personalab_core.views.workspace.can_measure_faces", lambda: False)
    at = open_page("generate", mara.root, persona="mara")
    assert "Not measured: no face recogniser is installed." in words_of(at)


def test_a_lost_run_can_be_resumed(open_page: OpenPage, mara: WorkspaceBuilder, jobs: JobStore) -> None:
    reference = WorkspaceRef(folder=str(mara.root), profile="simulated")
    params = GenerateImagesParams(workspace=reference, persona="mara", scenario="cafe_selfie", n_assets=2)
    job_id = jobs.submit("generate_images", params)
    jobs.finish(job_id, "lost", message="", error="WorkerLost: gone")
    at = open_page("overview", mara.root)
    assert "The run stopped when its process ended." in words_of(at)
    at.button(key=f"run.resume.{job_id}").click().run()
    assert jobs.get(job_id).state == "queued"
