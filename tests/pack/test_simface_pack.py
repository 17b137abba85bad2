"""The bundled face pack finds and tells apart people it never saw, through InsightFace's own loader."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from personalab_core.config.resources import data_path
from personalab_core.simulation import (
    RENDERER_VERSION,
    PortraitRenderer,
    Rendering,
    lookalike,
    sample_identity,
    sample_scene,
    sample_style,
)

PACK = data_path("models", "simface")
SEED = 3_000_000_000
PEOPLE = 8
"""Neither training (from 1,000,000,000) nor the benchmark (from 2,000,000,000) uses these seeds."""

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")


@pytest.fixture(scope="module")
def app() -> Any:
    onnxruntime = pytest.importorskip("onnxruntime")
    analysis = pytest.importorskip("insightface.app").FaceAnalysis
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    loaded = analysis(name=str(PACK), sess_options=options, providers=["CPUExecutionProvider"])
    loaded.prepare(ctx_id=0, det_size=(320, 320))
    return loaded


def portraits() -> Iterator[tuple[int, Rendering]]:
    """Two headshots and a half body of every person; the odd person is a look-alike of the even one before."""
    renderer = PortraitRenderer(2)
    for number in range(PEOPLE):
        person = sample_identity(SEED + number // 2)
        if number % 2:
            person = lookalike(person, SEED + number)
        style = sample_style(person, SEED + number // 2)
        for shot, framing in enumerate(("headshot", "headshot", "half_body")):
            scene = sample_scene(SEED + number * 3 + shot, framing)
            yield number, renderer.render(person, style, scene, width=256, height=320)


@pytest.fixture(scope="module")
def measured(app: Any) -> list[tuple[int, Rendering, list[Any]]]:
    return [(number, rendering, app.get(rendering.image)) for number, rendering in portraits()]


def test_files_are_what_the_description_says() -> None:
    description = json.loads((PACK / "MODEL.json").read_text(encoding="utf-8"))
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in PACK.glob("*.onnx")}
    assert files == description["sha256"]
    assert description["license"] == "MIT"


def test_pack_was_measured_on_the_present_renderer() -> None:
    description = json.loads((PACK / "MODEL.json").read_text(encoding="utf-8"))
    assert description["measured_on_renderer_version"] == RENDERER_VERSION
    assert description["renderer_version"] <= RENDERER_VERSION, "trained on pictures of the future?"


def test_files_together_are_at_most_four_megabytes() -> None:
    assert sum(path.stat().st_size for path in PACK.glob("*.onnx")) <= 4_000_000


def test_insightface_loads_the_three_tasks(app: Any) -> None:
    assert set(app.models) == {"detection", "landmark_2d_106", "recognition"}
    assert app.models["recognition"].output_shape[-1] == 512


def test_every_portrait_has_exactly_its_one_face(measured: list[tuple[int, Rendering, list[Any]]]) -> None:
    counts = [len(faces) for _, _, faces in measured]
    assert counts == [1] * len(counts)


def test_points_are_near_the_truth(measured: list[tuple[int, Rendering, list[Any]]]) -> None:
    five, all_points = [], []
    for _, rendering, faces in measured:
        truth = rendering.faces[0]
        eyes_px = np.linalg.norm(truth.points5[0] - truth.points5[1])
        for face in faces[:1]:
            five.append(np.linalg.norm(face.kps - truth.points5, axis=1).mean() / eyes_px)
            all_points.append(np.linalg.norm(face.landmark_2d_106 - truth.points106, axis=1).mean() / eyes_px)
    assert np.mean(five) < 0.045
    assert np.mean(all_points) < 0.032


def test_a_person_is_nearer_to_themselves_than_to_a_lookalike(measured: list[tuple[int, Rendering, list[Any]]]) -> None:
    known = [(number, faces[0].normed_embedding) for number, _, faces in measured if faces]
    numbers = np.array([number for number, _ in known])
    embeddings = np.stack([embedding for _, embedding in known])
    cosines = embeddings @ embeddings.T
    same = (numbers[:, None] == numbers[None]) & ~np.eye(len(numbers), dtype=bool)
    lookalikes = (numbers[:, None] // 2 == numbers[None] // 2) & (numbers[:, None] != numbers[None])
    strangers = numbers[:, None] // 2 != numbers[None] // 2
    assert np.mean(cosines[same]) > 0.8
    assert np.min(cosines[same]) > 0.5
    assert np.mean(cosines[lookalikes]) < 0.35
    assert np.quantile(cosines[strangers], 0.95) < 0.45


def test_upside_down_people_and_backs_of_heads_have_no_face(
    app: Any, measured: list[tuple[int, Rendering, list[Any]]]
) -> None:
    upside_down = sum(bool(app.get(np.ascontiguousarray(r.image[::-1]))) for _, r, _ in measured)
    assert upside_down == 0
    renderer = PortraitRenderer(2)
    backs = 0
    for number in range(PEOPLE):
        person = sample_identity(SEED + 100 + number)
        scene = replace(sample_scene(SEED + 100 + number, "headshot"), yaw_deg=180.0)
        rendering = renderer.render(person, sample_style(person, SEED + number), scene, width=192, height=240)
        backs += bool(app.get(rendering.image))
    assert backs == 0
