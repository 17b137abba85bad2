"""Export: what may leave, as a job; what left before; what a file says of itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from personalab_core.generation import PlanStore
from personalab_core.jobs import ExportParams, JobStore
from personalab_core.jobs.control import JobControl
from personalab_core.jobs.exports import export_assets
from personalab_core.jobs.studio import Studio
from personalab_core.orchestration import RegistryWriter
from personalab_core.publishing import read_mark
from personalab_core.schemas import ContentPlan
from personalab_core.views.permissions import Person
from tests.pages.conftest import OpenPage, answer_of, words_of
from tests.support.loop_fakes import FakeEvaluator
from tests.support.workspace_builder import NOW, WorkspaceBuilder


@pytest.fixture
def mara(builder: WorkspaceBuilder) -> WorkspaceBuilder:
    builder.persona("Mara Lindqvist", persona_id="mara")
    builder.anchors("mara")
    registry = RegistryWriter(builder.config.paths.output)
    for score in (0.7, 0.8):
        (attempt,) = builder.asset("mara", score)
        registry.register(attempt)
    return builder


def assets_of(builder: WorkspaceBuilder) -> list[str]:
    return [record.asset_id for record in RegistryWriter(builder.config.paths.output).read("mara")]


def test_nobody_yet(open_page: OpenPage, tmp_path: Path) -> None:
    at = open_page("export", tmp_path)
    assert not at.exception
    assert answer_of(at) == "No persona yet."


def test_nothing_accepted_leads_to_generating(open_page: OpenPage, builder: WorkspaceBuilder) -> None:
    builder.persona("Mara Lindqvist", persona_id="mara")
    at = open_page("export", builder.root, persona="mara")
    assert answer_of(at) == "Nothing of Mara is accepted yet."
    assert "export.generate" in [button.key for button in at.button]


def test_what_is_picked_leaves_as_a_job_and_is_shown(
    open_page: OpenPage, mara: WorkspaceBuilder, jobs: JobStore
) -> None:
    at = open_page("export", mara.root, persona="mara")
    assert answer_of(at) == "2 accepted assets of Mara can leave."
    assert at.button(key="export.start").disabled
    first, _ = assets_of(mara)
    at.session_state["export.picks.mara"] = {"selected": [first, "somebody-elses"]}
    at.run()
    at.selectbox(key="export.channel").set_value("original")
    at.text_input(key="export.disclosure").set_value("Made with AI")
    at.button(key="export.start").click().run()
    assert not at.exception
    (job,) = jobs.list(persona="mara")
    params = ExportParams.model_validate_json(job.params_json)
    assert (params.assets, params.channel, params.composite) == ((first,), "original", None)
    assert params.overrides == {"publishing.disclosure": "Made with AI"}

    studio = Studio(params.workspace.load(params.overrides), job_id=job.id, evaluator=FakeEvaluator())
    ending = export_assets(studio, params, JobControl(jobs, job))
    assert (ending.error, ending.message[:15]) == (None, "1 of 1 exported")
    jobs.finish(job.id, "done", message=ending.message)
    at.run()
    assert not at.exception
    said = words_of(at)
    assert "Marked and read back" in said
    (file,) = mara.config.paths.output.glob("mara/exports/*/*.png")
    report = read_mark(file)
    assert report.marked
    assert report.disclosure is not None
    assert report.disclosure.asset_id == first


def test_the_quality_check_is_shown_and_nothing_is_repaired_unless_asked_for(
    open_page: OpenPage, mara: WorkspaceBuilder, jobs: JobStore
) -> None:
    at = open_page("export", mara.root, persona="mara")
    assert "Nothing to repair" not in words_of(at)
    first, second = assets_of(mara)
    at.session_state["export.picks.mara"] = {"selected": [first, second]}
    at.run()
    said = words_of(at)
    assert "Same person, and sharp. Nothing to repair." in said
    assert "Its face has 80% of the anchor's detail, sharp is from 40%; score 0.70" in said
    at.button(key="export.start").click().run()
    at.checkbox(key="export.sharpen_advised").check()
    at.button(key="export.start").click().run()
    asked = [ExportParams.model_validate_json(job.params_json) for job in jobs.list()]
    assert [(one.sharpen_as_advised, one.super_resolve_as_advised) for one in asked] == [(True, False), (False, False)]


def test_the_check_follows_the_configuration(open_page: OpenPage, mara: WorkspaceBuilder) -> None:
    (mara.root / "config.yml").write_text(
        "evaluation: {quality: {sharpness: {min_ratio: 0.9}, post_processing: {auto_sharpen: true}}}\n"
    )
    at = open_page("export", mara.root, persona="mara")
    at.session_state["export.picks.mara"] = {"selected": assets_of(mara)[:1]}
    at.run()
    assert "Same person, but soft. Sharpening and super-resolution are safe to try." in words_of(at)
    assert at.checkbox(key="export.sharpen_advised").value is True


def test_a_check_that_is_switched_off_says_so(open_page: OpenPage, mara: WorkspaceBuilder) -> None:
    (mara.root / "config.yml").write_text("evaluation: {quality: {enabled: false}}\n")
    at = open_page("export", mara.root, persona="mara")
    at.session_state["export.picks.mara"] = {"selected": assets_of(mara)[:1]}
    at.run()
    assert "Quality is off in the configuration." in words_of(at)


def test_captions_come_from_the_plan_and_can_be_changed(
    open_page: OpenPage, mara: WorkspaceBuilder, jobs: JobStore
) -> None:
    first, second = assets_of(mara)
    fields = {"created_at": NOW, "provider": "simulated", "model": "text-1", "simulated": True, "prompt_hash": "0"}
    item = {"title": "Oranges", "caption": "Sweet", "hashtags": ["market", "#sun"], "assets": [first]}
    item |= {"scenario_details": {"action_details": "buying oranges", "location_details": "at a market stall"}}
    plan = ContentPlan.model_validate({"persona": "mara", **fields, "planned_content": [item]})
    PlanStore(mara.config.paths.output).replace(plan)
    at = open_page("export", mara.root, persona="mara")
    at.session_state["export.picks.mara"] = {"selected": [first, second]}
    at.run()
    assert at.text_area(key=f"export.caption.{first}").value == "Sweet\n\n#market #sun"
    assert "Oranges: Its face has 80%" in words_of(at)
    at.text_area(key=f"export.caption.{first}").set_value("Sour")
    at.text_area(key="export.caption").set_value("For the rest")
    at.button(key="export.start").click().run()
    (job,) = jobs.list(persona="mara")
    params = ExportParams.model_validate_json(job.params_json)
    assert (params.captions, params.caption) == ({first: "Sour"}, "For the rest")
    at.session_state["export.picks.mara"] = {"selected": [first]}
    at.run()
    assert "export.caption" not in [area.key for area in at.text_area]


def test_a_switched_off_mark_is_said_in_words(open_page: OpenPage, mara: WorkspaceBuilder) -> None:
    (mara.root / "config.yml").write_text("publishing:\n  mark: false\n")
    at = open_page("export", mara.root, persona="mara")
    assert "Files leave without a mark" in words_of(at)
    assert "Files leave unmarked." in words_of(at)


def test_a_file_is_asked_for_its_mark(open_page: OpenPage, mara: WorkspaceBuilder) -> None:
    at = open_page("export", mara.root, persona="mara")
    picture = next(mara.config.paths.output.glob("mara/images/*.png"))
    at.file_uploader(key="export.check").set_value([("plain.png", picture.read_bytes(), "image/png")]).run()
    assert not at.exception
    assert "Not marked" in words_of(at)
    at.file_uploader(key="export.check").set_value([("odd.png", b"nothing", "image/png")]).run()
    assert "this is none of them" in at.error[0].value


def test_a_broken_channel_file_is_one_sentence(open_page: OpenPage, mara: WorkspaceBuilder) -> None:
    own = mara.config.paths.prompts
    own.mkdir(parents=True, exist_ok=True)
    (own / "channels.yml").write_text("mine:\n  width_px: 5\n")
    at = open_page("export", mara.root, persona="mara")
    assert answer_of(at) == "A setting is wrong."
    assert "mine.width_px" in words_of(at)


def test_a_damaged_list_of_exports_takes_nothing_down(open_page: OpenPage, mara: WorkspaceBuilder) -> None:
    (mara.config.paths.output / "mara" / "exports.jsonl").write_text("{]\n")
    at = open_page("export", mara.root, persona="mara")
    assert not at.exception
    assert answer_of(at) == "2 accepted assets of Mara can leave."
    assert any("could not be read" in expander.label for expander in at.expander)


def test_a_viewer_exports_nothing(open_page: OpenPage, mara: WorkspaceBuilder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pages.components.access.current", lambda: Person("ann", "viewer"))
    at = open_page("export", mara.root, persona="mara")
    at.session_state["export.picks.mara"] = {"selected": assets_of(mara)}
    at.run()
    assert at.button(key="export.start").disabled
