"""What is wrong with a clip is known, and each axis finds its own: over several people and ways of moving.

The same take is filmed with and without a fault, so frames compare in pairs. Noise is the spread of the frames of
the takes without a fault; beyond it is what lies outside three of its standard deviations, as in control charts.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from statistics import fmean, pvariance

import cv2
import numpy as np
import pytest

pytest.importorskip("av")

from personalab_core.identity import ArcFaceEvaluator
from personalab_core.identity.frame_extractor import ExtractedFrame, FrameExtractor
from personalab_core.identity.images import read_image
from personalab_core.identity.video_evaluator import VideoIdentityEvaluator
from personalab_core.llm.simulated_video import SWAP_S, VideoFault
from personalab_core.orchestration import VideoMeasurement
from personalab_core.quality import VideoQualityEvaluator, VideoQualityResult
from tests.support.faces import shared_runtime
from tests.support.films import SAMPLING_S, Shoot, filmed, measured, similarities, truth

SHOOTS = tuple(Shoot(person, f"take {person}") for person in (21, 22, 23, 24))
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("known-truth")


def noise(folder: Path) -> float:
    """Standard deviation of the similarity within takes that nothing is wrong with, pooled over them."""
    return fmean(pvariance(similarities(measured(folder, shoot)).values()) for shoot in SHOOTS) ** 0.5


def change(folder: Path, shoot: Shoot, fault: VideoFault) -> float:
    """Mean change of the similarity of the frames that both takes show the face in."""
    sound, spoilt = (similarities(measured(folder, shoot, which)) for which in (None, fault))
    return fmean(spoilt[time_s] - sound[time_s] for time_s in spoilt if time_s in sound)


@pytest.mark.parametrize("shoot", SHOOTS, ids=lambda shoot: shoot.seed)
def test_a_swap_is_found_and_timed_within_two_sampled_frames(folder: Path, shoot: Shoot) -> None:
    found = measured(folder, shoot, VideoFault.SWAP)
    start_s, end_s = truth(filmed(shoot, VideoFault.SWAP))["window_s"]
    (swap,) = found.identity.swaps
    assert end_s - start_s == pytest.approx(SWAP_S, abs=1e-3)
    assert abs(swap.start_s - start_s) <= 2 * SAMPLING_S
    assert swap.end_s is not None
    assert abs(swap.end_s - end_s) <= 2 * SAMPLING_S
    assert found.identity.worst_frame is not None
    assert start_s <= found.identity.worst_frame.time_s < end_s


def test_a_swap_leaves_the_mean_of_an_eight_second_clip_almost_untouched_and_is_found(folder: Path) -> None:
    """Two of 40 frames: the mean falls by a twentieth of the level and still passes."""
    shoot = Shoot(25, "take 25", size_px=(160, 200), duration_s=8)
    found = measured(folder, shoot, VideoFault.SWAP)
    level = fmean(value for value in similarities(found).values() if value > 0.55)
    assert found.identity.embedding_stats is not None
    assert level - found.identity.embedding_stats.mean_cosine <= 3 / 40 * level
    assert found.identity.mean_composite_score is not None
    assert found.identity.mean_composite_score > 0.55
    (swap,) = found.identity.swaps
    assert abs(swap.start_s - truth(filmed(shoot, VideoFault.SWAP))["window_s"][0]) <= 2 * SAMPLING_S


@pytest.mark.parametrize("fault", [VideoFault.FLICKER, VideoFault.TONAL_DRIFT])
def test_spoilt_light_does_not_lower_identity_beyond_noise(folder: Path, fault: VideoFault) -> None:
    """By less than three standard deviations of sound frames, on average over the takes, and to nobody else."""
    assert fmean(change(folder, shoot, fault) for shoot in SHOOTS) > -3 * noise(folder)
    assert all(measured(folder, shoot, fault).identity.swaps == () for shoot in SHOOTS)


def test_blur_that_is_plainly_soft_does_not_lower_identity_beyond_noise(folder: Path) -> None:
    """Sharpness down to half of its limit: similarity falls by less than two standard deviations."""
    changes, ratios = zip(*(softened(folder, shoot, sigma_px=1.3) for shoot in SHOOTS), strict=True)
    assert max(ratios) < 0.3
    assert fmean(changes) > -2 * noise(folder)


def test_blur_beyond_repair_costs_little_similarity_and_is_nobody_else(folder: Path) -> None:
    """The simulator's own blur leaves an eighth of the anchor's sharpness: a recogniser sees less, yet the same."""
    assert fmean(change(folder, shoot, VideoFault.BLUR) for shoot in SHOOTS) > -0.08
    for shoot in SHOOTS:
        identity = measured(folder, shoot, VideoFault.BLUR).identity
        assert (identity.coverage, identity.swaps) == (1.0, ())
        assert min(similarities(measured(folder, shoot, VideoFault.BLUR)).values()) >= 0.55


@pytest.mark.parametrize("shoot", SHOOTS, ids=lambda shoot: shoot.seed)
@pytest.mark.parametrize("fault", [VideoFault.TURNED_AWAY, VideoFault.HIDDEN])
def test_a_face_out_of_sight_lowers_coverage_and_not_identity(folder: Path, fault: VideoFault, shoot: Shoot) -> None:
    found = measured(folder, shoot, fault)
    assert measured(folder, shoot).identity.coverage == 1.0
    assert found.identity.coverage <= 0.8
    assert found.identity.swaps == ()
    assert change(folder, shoot, fault) > -noise(folder)
    start_s, end_s = truth(filmed(shoot, fault))["window_s"]
    seen = similarities(found)
    unseen = [f.frame.time_s for f in found.identity.frames if round(f.frame.time_s, 3) not in seen]
    assert all(start_s - SAMPLING_S <= time_s <= end_s + SAMPLING_S for time_s in unseen)


def softened(folder: Path, shoot: Shoot, *, sigma_px: float) -> tuple[float, float]:
    """Mean change of similarity, and mean sharpness ratio, of a sound take that is blurred."""
    sound, evaluator = similarities(measured(folder, shoot)), VideoIdentityEvaluator(ArcFaceEvaluator(shared_runtime()))
    anchor, path = folder / f"{shoot.person}.png", folder / f"{shoot.person}-{shoot.seed}-None.mp4"
    frames = [blurred(frame, sigma_px) for frame in FrameExtractor().read(path)]
    soft = evaluator.evaluate_frames(anchor, frames, video_path=path)
    sharpness = VideoQualityEvaluator().evaluate([f.image for f in frames], anchor=read_image(anchor).bgr)
    changes = [
        f.result.embedding.cosine_similarity - sound[round(f.frame.time_s, 3)]
        for f in soft.frames
        if f.result.embedding
    ]
    assert len(changes) == len(sound)
    return fmean(changes), sharpness.mean_sharpness_ratio


def blurred(frame: ExtractedFrame, sigma_px: float) -> ExtractedFrame:
    image, luma = (np.asarray(cv2.GaussianBlur(p, (0, 0), sigma_px), np.uint8) for p in (frame.image, frame.luma))
    return ExtractedFrame(frame.position, image, luma)


def test_flicker_blur_and_frozen_frames_show_on_the_quality_axis(folder: Path) -> None:
    of = partial(measured, folder)
    for shoot in SHOOTS:
        sound, flicker, blur = (quality(of(shoot, f)) for f in (None, VideoFault.FLICKER, VideoFault.BLUR))
        assert (sound.sharpness_ok, sound.illumination_ok, sound.n_duplicate_frames) == (True, True, 0)
        assert (flicker.sharpness_ok, flicker.illumination_ok) == (True, False)
        assert (blur.sharpness_ok, blur.illumination_ok) == (False, True)
        frozen = quality(of(shoot, VideoFault.FROZEN))
        start_s, end_s = truth(filmed(shoot, VideoFault.FROZEN))["window_s"]
        assert abs(frozen.longest_frozen_s - (end_s - start_s)) <= 2 * SAMPLING_S + 1e-6


def quality(measurement: VideoMeasurement) -> VideoQualityResult:
    assert measurement.quality is not None
    return measurement.quality
