"""Decides about one measured candidate: accept, retry, reject. Deterministic, without state.

Not being measurable is never a rejection: it is tried again with its own patch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from personalab_core.errors import ConfigError, InputError
from personalab_core.identity import verdicts
from personalab_core.identity.calibration import calibration
from personalab_core.schemas.decisions import Decision, FacePart, PolicyVerdict, Reason
from personalab_core.schemas.evaluation import CandidateResult, EvaluatorInfo, MeasurementStatus

PolicyMode = Literal["composite_only", "strict"]
Metric = Literal["cosine_similarity", "euclidean_distance"]

STRICT_CAUTION = (
    "Strict mode also wants the proportions to pass (error up to 0.08). On real photographs of one person the "
    "error averages about 0.10, mostly from expression, so strict refuses most of them."
)

BLURRED_BELOW = 0.05
"""Share of the anchor's fine detail below which a face that is not accepted counts as blurred.

Measured on 30 rendered pictures of 6 people: sharp ones have .53 or more; a Gaussian blur of .02 of the face's width,
where the cosine begins to fall, leaves .01 to .07. Not calibrated on photographs.
"""

_REASON_OF_STATUS = {
    MeasurementStatus.NO_FACE: Reason.NO_FACE,
    MeasurementStatus.FACE_TOO_SMALL: Reason.FACE_TOO_SMALL,
    MeasurementStatus.TURNED_AWAY: Reason.TURNED_AWAY,
    MeasurementStatus.UNREADABLE: Reason.UNREADABLE,
}
_WORTH_ANOTHER_ATTEMPT = frozenset({Reason.BLOCKED, Reason.EMPTY_ANSWER})


@dataclass(frozen=True, slots=True)
class IdentityPolicy:
    """Thresholds on the composite score and what follows from them.

    Attributes:
        accept_threshold: Accepted from this composite on.
        retry_threshold: Rejected at once below it; between the two it is tried again.
        mode: ``composite_only`` judges the composite alone, ``strict`` wants every part to pass, too.
        max_attempts: Attempts per asset, unmeasurable ones included.
        metric: What the thresholds were made for; results of another metric are refused.
    """

    accept_threshold: float = 0.55
    retry_threshold: float = 0.35
    mode: PolicyMode = "composite_only"
    max_attempts: int = 3
    metric: Metric = "cosine_similarity"

    def __post_init__(self) -> None:
        if not 0 <= self.retry_threshold <= self.accept_threshold <= 1:
            raise ConfigError(
                "evaluation.scoring: 0 <= retry_threshold <= accept_threshold <= 1 must hold, got "
                f"{self.retry_threshold} and {self.accept_threshold}."
            )
        if self.mode not in get_args(PolicyMode):
            raise ConfigError(
                f"evaluation.scoring.policy_mode must be {' or '.join(get_args(PolicyMode))}, got {self.mode!r}."
            )
        if self.max_attempts < 1:
            raise ConfigError(f"evaluation.retry.max_attempts must be at least 1, got {self.max_attempts}.")

    @classmethod
    def from_config(cls, evaluation: Mapping[str, Any]) -> IdentityPolicy:
        """Return the policy of an ``evaluation`` section; absent keys mean the specification's defaults.

        The section's thresholds are ArcFace's. For a backend that decides on a distance they are
        replaced by that evaluator's own (``data/calibration/evaluators.yml``).

        Raises:
            ConfigError: A value is out of range.
        """
        scoring = evaluation.get("scoring", {})
        accept, retry = scoring.get("accept_threshold", 0.55), scoring.get("retry_threshold", 0.35)
        metric: Metric = "cosine_similarity"
        if evaluation.get("embedding", {}).get("backend") == "dlib":
            row = calibration("dlib")
            accept, retry, metric = row.accept, row.retry, row.metric
        return cls(
            accept_threshold=accept,
            retry_threshold=retry,
            mode=scoring.get("policy_mode", "composite_only"),
            max_attempts=evaluation.get("retry", {}).get("max_attempts", 3),
            metric=metric,
        )

    @classmethod
    def for_evaluator(cls, info: EvaluatorInfo, evaluation: Mapping[str, Any]) -> IdentityPolicy:
        """Return the policy of an ``evaluation`` section with the thresholds that fit this evaluator."""
        backend = "dlib" if info.metric == "euclidean_distance" else "arcface"
        embedding = {**evaluation.get("embedding", {}), "backend": backend}
        return cls.from_config({**evaluation, "embedding": embedding})

    @property
    def caution(self) -> str:
        """What to say where this policy is chosen; empty if there is nothing."""
        return STRICT_CAUTION if self.mode == "strict" else ""

    def decide(
        self, candidate: CandidateResult, *, name: str = "the same person", others_expected: bool = False
    ) -> PolicyVerdict:
        """Return decision, reason and sentence for one candidate.

        Args:
            candidate: The measurement.
            name: What the sentence calls the persona.
            others_expected: Whether more than one face was asked for.

        Raises:
            InputError: The candidate was measured in another metric than the thresholds are for.
        """
        if candidate.status is MeasurementStatus.NOT_MEASURED:
            return _verdict(Decision.UNMEASURED, Reason.NO_EVALUATOR, verdicts.not_measured(candidate.reason))
        if candidate.n_faces > 1 and not others_expected:
            return _verdict(Decision.RETRY, Reason.SEVERAL_FACES, verdicts.several_faces(candidate))
        if candidate.status is not MeasurementStatus.MEASURED or candidate.composite_score is None:
            reason = _REASON_OF_STATUS.get(candidate.status, Reason.NO_FACE)
            return _verdict(Decision.RETRY, reason, verdicts.not_measurable(candidate))
        self._check_metric(candidate)
        return self._judge(candidate, candidate.composite_score, name)

    def decide_generation_failure(self, reason: Reason) -> PolicyVerdict:
        """Return the verdict on an attempt that brought no picture to judge.

        A declined request and an empty answer are tried again. A provider error has already been
        repeated by the transport; like a local error or a cancellation it ends without a judgement.

        Raises:
            InputError: ``reason`` is one that only a measurement can give.
        """
        if reason not in verdicts.FAILURES:
            raise InputError(
                f"a failed generation has one of the reasons {', '.join(verdicts.FAILURES)}; got {reason}."
            )
        decision = Decision.RETRY if reason in _WORTH_ANOTHER_ATTEMPT else Decision.UNMEASURED
        return _verdict(decision, reason, verdicts.generation_failure(reason))

    def _judge(self, candidate: CandidateResult, score: float, name: str) -> PolicyVerdict:
        if score < self.retry_threshold:
            return _verdict(Decision.REJECT_FINAL, Reason.IDENTITY_LOW, verdicts.someone_else(score))
        reason = _weak_part(candidate)
        if score < self.accept_threshold:
            return self._uncertain(candidate, score, name, reason)
        if self.mode == "strict" and reason is not Reason.NONE:
            part = "proportions" if reason is Reason.GEOMETRY_OFF else "embedding"
            sentence = verdicts.part_failed(
                candidate, name=name, part=part, score=score, accept_from=self.accept_threshold
            )
            return _verdict(Decision.RETRY, reason, sentence, part=verdicts.worst_part(candidate.geometric))
        return _verdict(Decision.ACCEPT, Reason.NONE, verdicts.accepted(score, self.accept_threshold))

    def _uncertain(self, candidate: CandidateResult, score: float, name: str, reason: Reason) -> PolicyVerdict:
        softness = candidate.face.sharpness_ratio if candidate.face else None
        if softness is not None and softness < BLURRED_BELOW:
            sentence = verdicts.blurred(softness, score=score, accept_from=self.accept_threshold)
            return _verdict(Decision.RETRY, Reason.BLURRED, sentence)
        sentence = verdicts.uncertain(
            candidate, name=name, accept_from=self.accept_threshold, retry_from=self.retry_threshold, score=score
        )
        reason = reason if reason is not Reason.NONE else Reason.IDENTITY_LOW
        return _verdict(Decision.RETRY, reason, sentence, part=verdicts.worst_part(candidate.geometric))

    def _check_metric(self, candidate: CandidateResult) -> None:
        by_distance = candidate.embedding is not None and candidate.embedding.euclidean_distance is not None
        found: Metric = "euclidean_distance" if by_distance else "cosine_similarity"
        if found != self.metric:
            raise InputError(
                f"This policy's thresholds are for {self.metric}, the candidate was measured by {found}. "
                "Make the policy with IdentityPolicy.for_evaluator(evaluator.info, config.evaluation)."
            )


def _weak_part(candidate: CandidateResult) -> Reason:
    """Return which part fails its own threshold; the embedding comes first."""
    if candidate.embedding is not None and not candidate.embedding.passed:
        return Reason.IDENTITY_LOW
    if candidate.geometric is not None and not candidate.geometric.passed:
        return Reason.GEOMETRY_OFF
    return Reason.NONE


def _verdict(decision: Decision, reason: Reason, sentence: str, part: FacePart | None = None) -> PolicyVerdict:
    return PolicyVerdict(decision=decision, reason=reason, sentence=sentence, part=part)
