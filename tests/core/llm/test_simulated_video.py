"""Simulated clips are real files whose faults are known, and the measurement finds what is there."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("av")

import av

from personalab_core.errors import InvalidRequestError
from personalab_core.llm import ImagePart, LLMVideoResponse
from personalab_core.llm.simulated import SimulatedClient
from personalab_core.llm.simulated_faults import FaultRates, seeded
from personalab_core.llm.simulated_video import VideoFault, VideoFaultRates, draw_video_fault
from personalab_core.orchestration import VideoMeasurement
from tests.support import films
from tests.support.faces import portrait_png, shared_renderer
from tests.support.films import SAMPLING_S, Shoot, filmed, similarities, truth

ANCHOR = ImagePart(portrait_png(11, width=320, height=400))
PROMPT = "A headshot video of a woman talking, facing the camera. Length: 2 seconds."


def client(**faults: float) -> SimulatedClient:
    return SimulatedClient(
        faults=FaultRates.none(),
        video_faults=VideoFaultRates.only(**faults),
        renderer=shared_renderer(),
        video_size_px=96,
    ).with_seed(5)


def film(of: SimulatedClient, prompt: str = PROMPT, **changes: str) -> LLMVideoResponse:
    request = {"resolution": "720p", "aspect_ratio": "4:5", "model_name": "film-1", **changes}
    return of.generate_video(prompt=[prompt, ANCHOR], **request)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clips")


def clip(fault: VideoFault | None = None) -> bytes:
    return filmed(shoot_of(fault), fault)


def measured(folder: Path, fault: VideoFault | None = None) -> VideoMeasurement:
    return films.measured(folder, shoot_of(fault), fault)


def shoot_of(fault: VideoFault | None) -> Shoot:
    # Two people need room for faces that can be measured.
    return Shoot(11, "clip", size_px=(192, 240) if fault is VideoFault.SECOND_PERSON else (160, 200))


def mean_cosine(measurement: VideoMeasurement) -> float:
    assert measurement.identity.embedding_stats is not None
    return measurement.identity.embedding_stats.mean_cosine


def test_a_clip_is_h264_and_says_what_it_is() -> None:
    with av.open(io.BytesIO(clip())) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.width, stream.height) == ("h264", 160, 200)
        assert float(stream.average_rate) == 15
        assert stream.frames == 30
    assert truth(clip())["simulated"] is True
    assert truth(clip())["fault"] is None


def test_it_costs_nothing_and_lasts_as_long_as_asked() -> None:
    response = film(client(), "A headshot video. Length: 1 seconds.")
    assert (response.cost.amount_usd, response.cost.source) == (0.0, "simulated")
    assert response.usage.seconds == 1.0
    assert response.operation_name is not None


def test_equal_seeds_and_requests_give_equal_bytes() -> None:
    request = "A headshot video. Length: 1 seconds."
    assert film(client(), request).video_data == film(client(), request).video_data


def test_it_can_be_awaited() -> None:
    request = {"prompt": "p", "resolution": "720p", "aspect_ratio": "4:5", "model_name": "m"}
    answer = asyncio.run(client(blocked=1.0).generate_video_async(**request))
    assert (answer.video_data, answer.block_reason) == (None, "SAFETY")


def test_an_empty_answer_has_neither_video_nor_block() -> None:
    answer = film(client(empty=1.0))
    assert (answer.video_data, answer.block_reason, answer.finish_reason) == (None, None, "NO_VIDEO")


@pytest.mark.parametrize("wrong", [{"resolution": "sharp"}, {"aspect_ratio": "wide"}])
def test_a_malformed_request_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(InvalidRequestError):
        film(client(), **wrong)


def test_faults_come_at_their_rates_and_patches_cure_them() -> None:
    rates = VideoFaultRates.only(swap=0.5)
    drawn = [draw_video_fault(rates, lambda *reasons: 0, seeded("f", n)) for n in range(400)]
    assert 160 < sum(fault is not None for fault in drawn) < 240
    cured = [draw_video_fault(rates, lambda *reasons: 2, seeded("f", n)) for n in range(400)]
    assert sum(fault is not None for fault in cured) < 20
    with pytest.raises(ValueError, match="sum to at most 1"):
        VideoFaultRates.only(swap=0.7, blur=0.7)


def test_a_sound_clip_keeps_the_person_in_every_frame(folder: Path) -> None:
    found = measured(folder)
    assert found.identity.coverage == 1.0
    assert found.identity.swaps == ()
    assert found.quality is not None
    assert (found.quality.n_duplicate_frames, found.quality.illumination_ok) == (0, True)
    assert found.facts.complete


def test_a_short_swap_is_found_and_timed_within_two_sampled_frames(folder: Path) -> None:
    """0.4 s of somebody else move the mean little, and are named with begin and end."""
    found, sound = measured(folder, VideoFault.SWAP), measured(folder)
    start_s, end_s = truth(clip(VideoFault.SWAP))["window_s"]
    assert end_s - start_s == pytest.approx(0.4)
    (swap,) = found.identity.swaps
    assert abs(swap.start_s - start_s) <= 2 * SAMPLING_S
    assert swap.end_s is not None
    assert abs(swap.end_s - end_s) <= 2 * SAMPLING_S
    assert found.identity.worst_frame is not None
    assert start_s <= found.identity.worst_frame.time_s < end_s
    # Two of ten frames, or three at a sampling edge, show a stranger; the others are as they were.
    assert mean_cosine(sound) - mean_cosine(found) < 0.3 * mean_cosine(sound)
    seen, others = similarities(found), similarities(sound)
    outside = [t for t in seen if not start_s <= t < end_s]
    assert all(abs(seen[t] - others[t]) < 0.05 for t in outside)


@pytest.mark.parametrize("fault", [VideoFault.FLICKER, VideoFault.BLUR, VideoFault.TONAL_DRIFT])
def test_spoilt_pixels_do_not_lower_identity_beyond_noise(folder: Path, fault: VideoFault) -> None:
    """One take; over several, and what noise is, see ``test_video_known_truth``."""
    found, sound = measured(folder, fault), measured(folder)
    assert mean_cosine(found) > mean_cosine(sound) - 0.05
    assert found.identity.swaps == ()


def test_flicker_and_blur_show_on_the_quality_axis(folder: Path) -> None:
    sound, flicker, blur = (measured(folder, fault).quality for fault in (None, VideoFault.FLICKER, VideoFault.BLUR))
    assert sound is not None and flicker is not None and blur is not None
    assert not flicker.illumination_ok
    assert not blur.sharpness_ok
    assert blur.mean_face_sharpness_ratio is not None
    assert sound.mean_face_sharpness_ratio is not None
    assert blur.mean_face_sharpness_ratio < 0.4 * sound.mean_face_sharpness_ratio


@pytest.mark.parametrize("fault", [VideoFault.TURNED_AWAY, VideoFault.HIDDEN])
def test_a_face_out_of_sight_lowers_coverage_and_not_identity(folder: Path, fault: VideoFault) -> None:
    found, sound = measured(folder, fault), measured(folder)
    assert found.identity.coverage <= 0.8
    assert mean_cosine(found) > mean_cosine(sound) - 0.05
    assert found.identity.swaps == ()
    start_s, end_s = truth(clip(fault))["window_s"]
    uncovered = [f.frame.time_s for f in found.identity.frames if f.result.composite_score is None]
    assert all(start_s - SAMPLING_S <= time_s <= end_s + SAMPLING_S for time_s in uncovered)


def test_a_second_person_is_counted_and_never_measured_for_the_persona(folder: Path) -> None:
    found, sound = measured(folder, VideoFault.SECOND_PERSON), measured(folder)
    assert found.candidate.n_faces == 2
    assert found.identity.coverage == 1.0
    assert mean_cosine(found) > mean_cosine(sound) - 0.08


def test_frozen_frames_are_counted_with_their_time(folder: Path) -> None:
    found = measured(folder, VideoFault.FROZEN)
    start_s, end_s = truth(clip(VideoFault.FROZEN))["window_s"]
    assert found.quality is not None
    assert found.quality.n_duplicate_frames >= 2
    assert abs(found.quality.longest_frozen_s - (end_s - start_s)) <= 2 * SAMPLING_S + 1e-6


def test_a_slide_is_no_swap_and_shows_in_the_spread(folder: Path) -> None:
    found, sound = measured(folder, VideoFault.IDENTITY_SLIDE), measured(folder)
    assert found.identity.embedding_stats is not None
    assert sound.identity.embedding_stats is not None
    assert found.identity.embedding_stats.std_cosine > 1.5 * sound.identity.embedding_stats.std_cosine
    cosines = [f.result.embedding.cosine_similarity for f in found.identity.frames if f.result.embedding]
    assert np.mean(cosines[-2:]) < np.mean(cosines[:2]) - 0.1


def test_frames_are_of_even_size_whatever_the_shape_asked_for() -> None:
    data = film(client(), "A headshot video. Length: 1 seconds.", aspect_ratio="2:3").video_data
    assert data is not None
    with av.open(io.BytesIO(data)) as container:
        image = next(container.decode(video=0)).to_ndarray(format="bgr24")
    assert image.shape == (96, 64, 3)
    assert cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).std() > 10
