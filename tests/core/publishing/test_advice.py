"""What the post-processing gate says of a picture and a video on their way out."""

from __future__ import annotations

import pytest

from personalab_core.config import load_config
from personalab_core.publishing import Adviser, Finish, adviser_of, chosen_finish
from personalab_core.quality import PostProcessingGate
from personalab_core.schemas import AttemptRecord, FaceSummary
from personalab_core.schemas.video import VideoAdvice, VideoAttempt, VideoQualitySummary
from tests.support.loop_fakes import candidate
from tests.support.records import make_attempt

ADVISER = Adviser(0.4)


def picture(ratio: float | None, *, score: float = 0.8, accept_from: float | None = 0.55) -> AttemptRecord:
    face = FaceSummary(box=(0, 0, 9, 9), size_fraction=0.2, frame_size="half", sharpness_ratio=ratio)
    return make_attempt(measurement=candidate(score).model_copy(update={"face": face}), accept_threshold=accept_from)


def video(*, sharpen: bool, stable: bool = True, review: bool = False) -> AttemptRecord:
    said = VideoAdvice(
        identity_stable=stable,
        degradation="textural",
        recommend_sharpening=sharpen,
        recommend_super_resolution=sharpen,
        manual_review=review,
        sentence="As the gate said.",
    )
    quality = VideoQualitySummary(
        mean_sharpness_ratio=0.25, sharpness_ok=False, histogram_method="bhattacharyya", illumination_ok=True
    )
    film = VideoAttempt(video_path="a.mp4", video_sha256="0", width_px=9, height_px=9, advice=said, quality=quality)
    return make_attempt(asset_type="video", video=film)


@pytest.mark.parametrize(
    ("ratio", "score", "sharpen", "repairable", "begins"),
    [
        (0.39, 0.8, True, True, "Same person, but soft."),
        (0.40, 0.8, False, True, "Same person, and sharp."),
        (0.39, 0.54, False, False, "Not surely the same person"),  # accepted by a person; a repair would hide that
        (0.90, 0.54, False, False, "Not surely the same person"),
    ],
)
def test_only_lost_texture_of_a_sure_identity_may_be_repaired(
    ratio: float, score: float, sharpen: bool, repairable: bool, begins: str
) -> None:
    advice = ADVISER.advise(picture(ratio, score=score))
    assert advice is not None
    assert (advice.sharpen, advice.super_resolve, advice.repairable) == (sharpen, sharpen, repairable)
    assert advice.sentence.startswith(begins)
    assert f"Its face has {ratio:.0%} of the anchor's detail" in advice.why


def test_the_threshold_is_that_of_the_record() -> None:
    strict = ADVISER.advise(picture(0.1, score=0.6, accept_from=0.7))
    assert strict is not None
    assert not strict.repairable
    assert "accepted from 0.70" in strict.why


def test_what_was_not_measured_gets_no_advice() -> None:
    assert ADVISER.advise(picture(None)) is None
    assert ADVISER.advise(make_attempt(measurement=None)) is None
    assert PostProcessingGate().advise_picture(candidate(0.8)) is None


def test_a_videos_advice_is_that_of_its_record() -> None:
    soft = ADVISER.advise(video(sharpen=True))
    assert soft is not None
    assert (soft.sharpen, soft.repairable, soft.sentence) == (True, True, "As the gate said.")
    assert soft.why == "Its frames have 25% of the anchor's detail; the light is steady."
    for doubtful in (video(sharpen=False, stable=False), video(sharpen=False, review=True)):
        found = ADVISER.advise(doubtful)
        assert found is not None
        assert not found.repairable


def test_following_the_advice_is_off_unless_asked_for_or_configured() -> None:
    soft = ADVISER.advise(picture(0.1))
    plain = load_config(environ={}, profile="simulated")
    assert chosen_finish(plain, look=None, sharpen_amount=0).of_asset(soft).sharpen_amount == 0
    assert not chosen_finish(plain, look=None, sharpen_amount=0).of_asset(soft).super_resolve
    asked = chosen_finish(plain, look=None, sharpen_amount=0, sharpen_as_advised=True).of_asset(soft)
    assert (asked.sharpen_amount, asked.super_resolve) == (0.5, False)
    configured = load_config(
        environ={},
        profile="simulated",
        overrides={
            "evaluation.quality.post_processing.auto_sharpen": True,
            "evaluation.quality.post_processing.auto_super_res": True,
        },
    )
    automatic = chosen_finish(configured, look=None, sharpen_amount=0.2)
    assert (automatic.of_asset(soft).sharpen_amount, automatic.of_asset(soft).super_resolve) == (0.5, True)
    assert automatic.of_asset(None).sharpen_amount == 0.2
    refused = chosen_finish(configured, look=None, sharpen_amount=0, sharpen_as_advised=False)
    assert refused.of_asset(soft).sharpen_amount == 0


def test_quality_that_is_switched_off_gives_no_advice() -> None:
    off = load_config(environ={}, profile="simulated", overrides={"evaluation.quality.enabled": False})
    assert adviser_of(off) is None
    on = adviser_of(load_config(environ={}, profile="simulated"))
    assert on == Adviser(0.4)
    assert Finish().of_asset(None) == Finish()
