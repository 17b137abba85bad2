"""What a person may choose for a run, and an anchor of one's own."""

from __future__ import annotations

import io
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image, ImageFilter

from personalab_core.config import load_config
from personalab_core.jobs import BatchParams, GenerateAnchorsParams, GenerateImagesParams, JobStore, WorkspaceRef
from personalab_core.jobs.own_anchor import bring_own_anchor
from personalab_core.jobs.studio import Studio
from personalab_core.observability import Journal
from personalab_core.schemas import AnchorRecord, CandidateResult, EvaluationResult, FaceSummary, MeasurementStatus
from personalab_core.views.anchors import build_anchors_view
from personalab_core.views.run_choice import (
    ModelChoice,
    Order,
    budget_override,
    estimate,
    estimate_anchors,
    model_overrides,
    models_of,
    providers_of,
)
from personalab_core.views.workspace import Workspace
from tests.pages.conftest import OpenPage, answer_of, labels_of
from tests.support.workspace_builder import EVALUATOR, NOW, WorkspaceBuilder

KEYS = {"GOOGLE_API_KEY": "sesame"}
GEMINI = "models:\n  image: {provider: gemini, model_name: gemini-3-pro-image}\n"


def history(builder: WorkspaceBuilder):  # type: ignore[no-untyped-def]
    space = Workspace.open(WorkspaceRef(folder=str(builder.root), profile="simulated"))
    return space.history(space.personas.get("mara"))


# Generate -------------------------------------------------------------------------------


def test_several_scenes_are_one_batch(open_page: OpenPage, mara: WorkspaceBuilder, jobs: JobStore) -> None:
    at = open_page("generate", mara.root, persona="mara")
    at.multiselect(key="generate.scenes").set_value(["cafe_selfie", "studio_portrait"])
    at.number_input(key="generate.n").set_value(3).run()
    assert at.button(key="generate.start").label == "Generate 6 pictures (simulated, $0.00)"
    at.button(key="generate.start").click().run()
    assert not at.exception
    (job,) = jobs.list(persona="mara")
    params = BatchParams.model_validate_json(job.params_json)
    assert [(item.scenario, item.n) for item in params.items] == [("cafe_selfie", 3), ("studio_portrait", 3)]
    assert answer_of(at) == "The run waits for a free place."


def test_one_scene_is_a_run_as_before(open_page: OpenPage, mara: WorkspaceBuilder, jobs: JobStore) -> None:
    at = open_page("generate", mara.root, persona="mara")
    at.button(key="generate.start").click().run()
    (job,) = jobs.list(persona="mara")
    assert GenerateImagesParams.model_validate_json(job.params_json).overrides == {}


def test_without_a_scene_nothing_starts(open_page: OpenPage, mara: WorkspaceBuilder, jobs: JobStore) -> None:
    at = open_page("generate", mara.root, persona="mara")
    at.multiselect(key="generate.scenes").set_value([]).run()
    assert at.button(key="generate.start").disabled


def test_pictures_and_videos_are_one_batch(open_page: OpenPage, mara: WorkspaceBuilder, jobs: JobStore) -> None:
    at = open_page("generate", mara.root, persona="mara")
    at.multiselect(key="generate.scenes").set_value(["cafe_selfie", "video:market_walk"]).run()
    at.number_input(key="generate.n").set_value(2).run()
    assert at.button(key="generate.start").label == "Generate 2 pictures and 2 videos (simulated, $0.00)"
    at.button(key="generate.start").click().run()
    assert not at.exception
    (job,) = jobs.list(persona="mara")
    params = BatchParams.model_validate_json(job.params_json)
    assert [(item.asset_type, item.n) for item in params.items] == [("image", 2), ("video", 2)]


def test_own_words_may_be_sorted_by_the_text_provider(
    open_page: OpenPage, mara: WorkspaceBuilder, jobs: JobStore
) -> None:
    at = open_page("generate", mara.root, persona="mara")
    at.multiselect(key="generate.scenes").set_value(["own"]).run()
    assert at.button(key="generate.start").disabled
    at.text_area(key="generate.text").set_value("selfie in a cafe, smiling, soft window light").run()
    at.checkbox(key="generate.ask").check().run()
    assert [box.label for box in at.selectbox if box.key.startswith("generate.provider")][::2] == [
        "Pictures by",
        "Texts by",
    ]
    at.button(key="generate.start").click().run()
    assert not at.exception
    (job,) = jobs.list(persona="mara")
    prompt = GenerateImagesParams.model_validate_json(job.params_json).prompt
    assert prompt is not None
    assert prompt.location_details


def test_a_simulated_workspace_offers_no_paid_provider(tmp_path: Path) -> None:
    config = load_config(workspace=tmp_path, environ=KEYS, profile="simulated")
    assert [providers_of(config, kind) for kind in ("text", "image", "video")] == [("simulated",)] * 3


def test_a_configured_one_offers_those_with_a_key_that_can(tmp_path: Path) -> None:
    (tmp_path / "config.yml").write_text("models:\n  image: {provider: replicate, model_name: owner/name}\n")
    config = load_config(workspace=tmp_path, environ=KEYS | {"OPENAI_API_KEY": "sesame", "RUNWAY_API_KEY": "sesame"})
    assert providers_of(config, "image") == ("replicate", "gemini", "simulated")
    assert providers_of(config, "text") == ("gemini", "openai", "simulated")
    assert providers_of(config, "video") == ("gemini", "runway", "simulated")
    assert models_of(config, "image", "replicate")[0] == "owner/name"
    assert "gen4.5" in models_of(config, "video", "runway")
    assert "gemini-3-pro-image" in models_of(config, "image", "gemini")
    assert "gemini-3-pro-image" not in models_of(config, "text", "gemini")


def test_other_models_and_a_budget_become_settings_of_the_job(tmp_path: Path) -> None:
    (tmp_path / "config.yml").write_text(GEMINI)
    config = load_config(workspace=tmp_path, environ=KEYS)
    same = ModelChoice("gemini", "gemini-3-pro-image")
    assert model_overrides(config, [same]) == {}
    assert budget_override(config, None) == {}
    others = [ModelChoice("replicate", "owner/name"), ModelChoice("runway", "gen4.5", "video")]
    changed = model_overrides(config, others) | budget_override(config, 2.0)
    loaded = load_config(workspace=tmp_path, environ=KEYS, overrides=changed)
    assert (loaded.provider("image"), loaded.generation.image.provider) == ("replicate", "replicate")
    assert (loaded.provider("video"), loaded.model_name("video")) == ("runway", "gen4.5")
    assert loaded.budget.per_run == 2.0


def test_the_price_is_said_before_anything_is_spent(mara: WorkspaceBuilder) -> None:
    def price(*orders: Order) -> str:
        return estimate(history(mara), orders).price

    flux = ModelChoice("replicate", "black-forest-labs/flux-1.1-pro")
    assert price(Order(flux, 4, 3)) == "for $0.16 to $0.48"
    assert price(Order(ModelChoice("replicate", "owner/name"), 1, 3)) == "(price unknown)"
    assert price(Order(ModelChoice("simulated", "portrait-image-1"), 1, 3)) == "(simulated, $0.00)"


def test_each_modality_is_priced_by_itself(mara: WorkspaceBuilder) -> None:
    flux = Order(ModelChoice("replicate", "black-forest-labs/flux-1.1-pro"), 4, 3)
    free = Order(ModelChoice("simulated", "portrait-video-1", "video"), 2, 3)
    mixed = estimate(history(mara), [flux, free])
    assert mixed.price == "for $0.16 to $0.48"
    assert mixed.sentence.endswith("What is simulated costs nothing.")
    unknown = estimate(history(mara), [flux, Order(ModelChoice("runway", "nobody-knows", "video"), 1, 3)])
    assert unknown.price == "(price unknown)"
    assert "nobody-knows" in unknown.sentence


def test_candidates_are_free_only_where_pictures_are(tmp_path: Path) -> None:
    (tmp_path / "config.yml").write_text(
        "models:\n  image: {provider: replicate, model_name: black-forest-labs/flux-1.1-pro}\n"
        "  text: {provider: simulated, model_name: portrait-text-1}\n"
    )
    config = load_config(workspace=tmp_path)
    assert config.simulated
    assert not config.simulates("image")
    asked = GenerateAnchorsParams(workspace=WorkspaceRef(), persona="mara", n_candidates=4, kinds=("smile",))
    assert estimate_anchors(config, asked).price == "for at most $0.20"
    simulated = load_config(workspace=tmp_path / "other", profile="simulated")
    assert estimate_anchors(simulated, asked).price == "(simulated, $0.00)"


# Anchors --------------------------------------------------------------------------------


def test_only_the_other_views_are_made_anew(open_page: OpenPage, mara: WorkspaceBuilder, jobs: JobStore) -> None:
    at = open_page("anchors", mara.root, persona="mara")
    at.multiselect(key="anchors.kinds").set_value(["smile"]).run()
    at.button(key="anchors.kinds_only").click().run()
    assert not at.exception
    (job,) = jobs.list(persona="mara")
    params = GenerateAnchorsParams.model_validate_json(job.params_json)
    assert (params.n_candidates, params.kinds) == (0, ("smile",))


class Eye:
    """Finds as many faces as it is told, all of one size."""

    info = EVALUATOR

    def __init__(self, n_faces: int = 1, apart_px: float = 80.0) -> None:
        self.n_faces, self.apart_px = n_faces, apart_px

    def evaluate(self, anchor_path: object, candidate_paths: list[object]) -> EvaluationResult:
        face = FaceSummary(
            box=(100, 100, 400, 400), size_fraction=0.5, frame_size="head", inter_ocular_distance_px=self.apart_px
        )
        found = CandidateResult(
            path=str(candidate_paths[0]), status=MeasurementStatus.MEASURED, n_faces=self.n_faces, face=face
        )
        return EvaluationResult(anchor_path=str(anchor_path), evaluator=EVALUATOR, candidates=(found,))


def checkered(side: int = 512, *, blur: float = 0.0) -> bytes:
    squares = Image.effect_noise((side, side), 90).convert("RGB")
    buffer = io.BytesIO()
    squares.filter(ImageFilter.GaussianBlur(blur)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "eye", "failed"),
    [
        (checkered(), Eye(), []),
        (checkered(300), Eye(), ["Size"]),
        (checkered(), Eye(n_faces=2), ["One face"]),
        (checkered(), Eye(apart_px=20), ["Face size"]),
        (checkered(blur=12), Eye(), ["Sharpness"]),
    ],
)
def test_an_own_anchor_is_checked(mara: WorkspaceBuilder, data: bytes, eye: Eye, failed: list[str]) -> None:
    studio = Studio(mara.config, evaluator=eye, clock=lambda: datetime(2026, 11, 22, tzinfo=UTC))
    brought = bring_own_anchor(studio, "mara", data, name="mine.png")
    assert [test.subject for test in brought.tests if test.passed is False] == failed
    log = mara.config.paths.references / "mara" / "anchors" / "anchors.jsonl"
    uploaded = [r for r in Journal(log, AnchorRecord).read().records if r.strategy == "upload"]
    assert len(uploaded) == (0 if failed else 1)


def test_an_own_picture_joins_the_candidates_and_leaves_the_anchor(mara: WorkspaceBuilder) -> None:
    studio = Studio(mara.config, evaluator=Eye(), clock=lambda: NOW)
    bring_own_anchor(studio, "mara", checkered(), name="mine.png")
    view = build_anchors_view(history(mara), now=NOW, zone=UTC)
    assert [c.name for c in view.candidates] == ["Frontal 1", "Frontal 2", "Frontal 3", "Frontal 4", "Own picture 1"]
    assert view.answer == "Frontal 2 is the anchor of Mara."


def test_a_bad_file_is_a_sentence(open_page: OpenPage, mara: WorkspaceBuilder) -> None:
    at = open_page("anchors", mara.root, persona="mara")
    assert "Upload a picture" in labels_of(at)
    at.button(key="anchors.upload").click().run()
    at.file_uploader(key="anchors.file").set_value(("harbour.png", b"not a picture", "image/png")).run()
    at.button(key="anchors.bring").click().run()
    assert not at.exception
    assert "harbour.png is not a picture" in at.error[0].value
    assert "Nothing was stored" in at.error[0].value


def test_without_the_pdf_library_the_report_is_still_there_as_html(
    open_page: OpenPage, typical_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fpdf", None)
    at = open_page("drift", typical_root, persona="ines")
    offered = [button.proto.label for button in at.get("download_button")]
    assert "Save report as HTML" in offered
    assert "Save report as PDF" not in offered
    assert any("pip install" in caption.value for caption in at.caption)
