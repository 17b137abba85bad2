"""Decisions, reasons and sentences, from hand-made measurements."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalab_core.errors import ConfigError, InputError
from personalab_core.identity import IdentityPolicy
from personalab_core.schemas import (
    CandidateResult,
    Decision,
    EmbeddingScore,
    EvaluatorInfo,
    FaceSummary,
    GeometricScore,
    MeasurementStatus,
    RatioScore,
    Reason,
)


def measured(
    composite: float, *, cosine: float = 0.6, ratios: dict[str, float] | None = None, n_faces: int = 1
) -> CandidateResult:
    """``ratios`` are relative errors; the threshold of the proportions is .08."""
    errors = ratios or {"jaw_width": 0.02}
    error = sum(errors.values()) / len(errors)
    return CandidateResult(
        path="c.png",
        status=MeasurementStatus.MEASURED,
        n_faces=n_faces,
        composite_score=composite,
        embedding=EmbeddingScore(cosine_similarity=cosine, threshold=0.55, passed=cosine >= 0.55),
        geometric=GeometricScore(
            normalized_error=error,
            threshold=0.08,
            passed=error <= 0.08,
            n_points=106,
            ratios=tuple(RatioScore(name=k, anchor=1, candidate=1 + v) for k, v in errors.items()),
        ),
    )


def unmeasured(status: MeasurementStatus, reason: str = "", n_faces: int = 0) -> CandidateResult:
    return CandidateResult(path="c.png", status=status, reason=reason, n_faces=n_faces)


POLICY = IdentityPolicy()


@pytest.mark.parametrize(
    ("composite", "decision"),
    [
        (1.0, Decision.ACCEPT),
        (0.55, Decision.ACCEPT),
        (0.5499, Decision.RETRY),
        (0.35, Decision.RETRY),
        (0.3499, Decision.REJECT_FINAL),
        (0.0, Decision.REJECT_FINAL),
    ],
)
def test_the_composite_alone_decides_by_default(composite: float, decision: Decision) -> None:
    assert POLICY.decide(measured(composite, cosine=0.1, ratios={"jaw_width": 0.5})).decision is decision


def test_sentences_say_what_was_measured() -> None:
    assert POLICY.decide(measured(0.78)).sentence == "Same person. Score 0.78, accept from 0.55."
    unsure = POLICY.decide(
        measured(0.47, ratios={"jaw_width": 0.3, "nose_width": 0.2, "nose_length": 0.25, "mouth_width": 0.01}),
        name="Mara",
    )
    assert unsure.sentence == (
        "Not sure it is Mara: jaw and nose differ. Score 0.47, between reject (below 0.35) and accept (from 0.55)."
    )
    assert POLICY.decide(measured(0.31)).sentence == (
        "This is someone else. Score 0.31; nothing further is tried for this asset."
    )
    turned = POLICY.decide(unmeasured(MeasurementStatus.TURNED_AWAY, "the face is turned away by 70°", 1))
    assert turned.sentence == (
        "Not measurable: the face is turned away by 70°. No score; next: face towards the camera."
    )
    stub = POLICY.decide(unmeasured(MeasurementStatus.NOT_MEASURED, "no face recogniser is installed"))
    assert stub.sentence == "Not measured: no face recogniser is installed."


def test_a_retry_names_the_part_that_failed() -> None:
    assert POLICY.decide(measured(0.5, cosine=0.4)).reason is Reason.IDENTITY_LOW
    assert POLICY.decide(measured(0.5, cosine=0.6, ratios={"jaw_width": 0.4})).reason is Reason.GEOMETRY_OFF
    one = POLICY.decide(measured(0.5, ratios={"eye_height": 0.4}))
    assert "the eyes differ." in one.sentence
    assert "the face as a whole differs." in POLICY.decide(measured(0.5, cosine=0.4)).sentence


def test_strict_wants_every_part_to_pass() -> None:
    strict = IdentityPolicy(mode="strict")
    assert strict.decide(measured(0.7)).decision is Decision.ACCEPT
    embedding_fails = strict.decide(measured(0.7, cosine=0.54))
    geometry_fails = strict.decide(measured(0.7, ratios={"jaw_width": 0.09}))
    assert (embedding_fails.decision, embedding_fails.reason) == (Decision.RETRY, Reason.IDENTITY_LOW)
    assert (geometry_fails.decision, geometry_fails.reason) == (Decision.RETRY, Reason.GEOMETRY_OFF)
    assert strict.decide(measured(0.3)).decision is Decision.REJECT_FINAL
    assert "most of them" in strict.caution
    assert POLICY.caution == ""


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (MeasurementStatus.NO_FACE, Reason.NO_FACE),
        (MeasurementStatus.FACE_TOO_SMALL, Reason.FACE_TOO_SMALL),
        (MeasurementStatus.TURNED_AWAY, Reason.TURNED_AWAY),
        (MeasurementStatus.UNREADABLE, Reason.UNREADABLE),
    ],
)
@pytest.mark.parametrize("mode", ["composite_only", "strict"])
def test_the_unmeasurable_is_tried_again_never_rejected(status: MeasurementStatus, reason: Reason, mode: str) -> None:
    verdict = IdentityPolicy(mode=mode).decide(unmeasured(status, "so it is"))
    assert (verdict.decision, verdict.reason) == (Decision.RETRY, reason)


@given(st.floats(0, 1), st.integers(2, 9))
def test_several_faces_are_tried_again_whatever_the_score(composite: float, n_faces: int) -> None:
    candidate = measured(composite, n_faces=n_faces)
    verdict = POLICY.decide(candidate)
    assert (verdict.decision, verdict.reason) == (Decision.RETRY, Reason.SEVERAL_FACES)
    alone = POLICY.decide(measured(composite))
    assert POLICY.decide(candidate, others_expected=True).decision is alone.decision


def test_without_an_evaluator_nothing_is_decided() -> None:
    verdict = POLICY.decide(unmeasured(MeasurementStatus.NOT_MEASURED))
    assert (verdict.decision, verdict.reason) == (Decision.UNMEASURED, Reason.NO_EVALUATOR)


@pytest.mark.parametrize(
    ("reason", "decision"),
    [
        (Reason.BLOCKED, Decision.RETRY),
        (Reason.EMPTY_ANSWER, Decision.RETRY),
        (Reason.PROVIDER_ERROR, Decision.UNMEASURED),
        (Reason.LOCAL_ERROR, Decision.UNMEASURED),
        (Reason.CANCELLED, Decision.UNMEASURED),
    ],
)
def test_an_attempt_without_a_picture(reason: Reason, decision: Decision) -> None:
    verdict = POLICY.decide_generation_failure(reason)
    assert (verdict.decision, verdict.reason) == (decision, reason)
    with pytest.raises(InputError, match="no_face"):
        POLICY.decide_generation_failure(Reason.NO_FACE)


def test_settings_come_from_the_evaluation_section() -> None:
    policy = IdentityPolicy.from_config(
        {
            "scoring": {"accept_threshold": 0.6, "retry_threshold": 0.2, "policy_mode": "strict"},
            "retry": {"max_attempts": 5},
        }
    )
    assert policy == IdentityPolicy(0.6, 0.2, "strict", 5)
    assert IdentityPolicy.from_config({}) == IdentityPolicy(0.55, 0.35, "composite_only", 3)


@pytest.mark.parametrize(
    "wrong",
    [
        {"scoring": {"accept_threshold": 0.3, "retry_threshold": 0.4}},
        {"scoring": {"accept_threshold": 1.2}},
        {"scoring": {"policy_mode": "lenient"}},
        {"retry": {"max_attempts": 0}},
    ],
)
def test_impossible_settings_name_their_key(wrong: dict) -> None:
    with pytest.raises(ConfigError, match=r"evaluation\."):
        IdentityPolicy.from_config(wrong)


def by_distance(distance: float) -> CandidateResult:
    similarity = max(0.0, 1 - distance / 1.2)
    return CandidateResult(
        path="c.png",
        status=MeasurementStatus.MEASURED,
        n_faces=1,
        composite_score=similarity,
        embedding=EmbeddingScore(
            cosine_similarity=similarity, threshold=0.6, passed=distance <= 0.6, euclidean_distance=distance
        ),
    )


@pytest.mark.parametrize(
    ("distance", "decision"),
    [(0.2, Decision.ACCEPT), (0.6, Decision.ACCEPT), (0.61, Decision.RETRY), (0.71, Decision.REJECT_FINAL)],
)
def test_a_distance_is_judged_by_its_own_thresholds(distance: float, decision: Decision) -> None:
    """dlib: at most 0.6 is the same person, whatever ArcFace's thresholds in the section are."""
    section = {"embedding": {"backend": "dlib"}, "scoring": {"accept_threshold": 0.9, "retry_threshold": 0.8}}
    assert IdentityPolicy.from_config(section).decide(by_distance(distance)).decision is decision


def test_thresholds_never_meet_results_of_another_metric() -> None:
    with pytest.raises(InputError, match="euclidean_distance"):
        POLICY.decide(by_distance(0.3))
    info = EvaluatorInfo(name="dlib", version="1", pack="p", pack_hash="0", metric="euclidean_distance")
    assert IdentityPolicy.for_evaluator(info, {}).decide(by_distance(0.3)).decision is Decision.ACCEPT


def soft(composite: float, ratio: float | None) -> CandidateResult:
    face = FaceSummary(box=(0, 0, 200, 240), size_fraction=0.4, frame_size="head", sharpness_ratio=ratio)
    return measured(composite).model_copy(update={"face": face})


def test_a_soft_face_that_is_not_accepted_is_called_blurred() -> None:
    verdict = POLICY.decide(soft(0.5, 0.02))
    assert (verdict.decision, verdict.reason) == (Decision.RETRY, Reason.BLURRED)
    assert verdict.sentence.startswith("The face is blurred: it has 2% of the anchor's fine detail. Score 0.50")


@pytest.mark.parametrize(
    ("composite", "ratio", "reason"),
    [
        (0.7, 0.02, Reason.NONE),
        (0.2, 0.02, Reason.IDENTITY_LOW),
        (0.5, 0.2, Reason.IDENTITY_LOW),
        (0.5, None, Reason.IDENTITY_LOW),
    ],
    ids=["accepted anyway", "someone else", "sharp enough", "too small to tell"],
)
def test_softness_is_no_reason_where_something_else_decides(
    composite: float, ratio: float | None, reason: Reason
) -> None:
    assert POLICY.decide(soft(composite, ratio)).reason is reason


def test_the_part_that_is_off_most_is_named_for_its_patch() -> None:
    off = {"jaw_width": 0.3, "nose_length": 0.1, "mouth_width": 0.01}
    assert POLICY.decide(measured(0.5, ratios=off)).part == "jaw"
    assert POLICY.decide(measured(0.5, ratios={"jaw_width": 0.02})).part is None
    assert POLICY.decide(measured(0.9, ratios=off)).part is None  # accepted: nothing to mend
