"""A workspace, an evaluator and logs for the attempt loop, without a model and without chance."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from personalab_core.errors import PersonalabError
from personalab_core.generation import ImageGenerator, RetryPolicy
from personalab_core.identity import IdentityPolicy
from personalab_core.orchestration import Chance, Event, GenerationOrchestrator
from personalab_core.prompts import PatchCatalogue
from personalab_core.schemas import (
    AttemptRecord,
    CandidateResult,
    DriftRecord,
    EmbeddingScore,
    EvaluationResult,
    EvaluatorInfo,
    FaceSummary,
    MeasurementStatus,
    Reason,
)
from tests.support.fakes import FakeLLMClient, tiny_png

PERSONA = "daniperez"
START = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
FAKE_INFO = EvaluatorInfo(name="fake", version="1", pack="none", pack_hash="f" * 16, metric="cosine_similarity")
PATCHES = PatchCatalogue(
    {
        Reason.IDENTITY_LOW: ("Keep the face.", "Copy the face exactly."),
        Reason.NO_FACE: ("Show the face.",),
        Reason.SEVERAL_FACES: ("One person only.",),
        Reason.BLOCKED: ("A harmless everyday photo.",),
    }
)

Measurement = float | MeasurementStatus | BaseException
"""What the fake evaluator answers: a composite score, why there is none, or an error to raise."""


def candidate(measurement: float | MeasurementStatus, *, path: str = "p.png", n_faces: int = 1) -> CandidateResult:
    """A measurement with this composite score, or with this reason for having none."""
    if isinstance(measurement, MeasurementStatus):
        return CandidateResult(path=path, status=measurement, reason="as the test says")
    return CandidateResult(
        path=path,
        status=MeasurementStatus.MEASURED,
        n_faces=n_faces,
        composite_score=measurement,
        embedding=EmbeddingScore(cosine_similarity=measurement, threshold=0.55, passed=measurement >= 0.55),
        face=FaceSummary(box=(1, 1, 5, 5), size_fraction=0.4, frame_size="head"),
        embedding_vector=(1.0, 0.0),
    )


@dataclass
class FakeEvaluator:
    """Measures nothing: answers in the given order; the last answer comes back for ever."""

    measurements: Sequence[Measurement] = (0.8,)
    calls: list[tuple[str, str]] = field(default_factory=list)
    info: EvaluatorInfo = FAKE_INFO

    def evaluate(self, anchor_path: str | Path, candidate_paths: Sequence[str | Path]) -> EvaluationResult:
        self.calls.append((str(anchor_path), str(candidate_paths[0])))
        measurement = self.measurements[min(len(self.calls), len(self.measurements)) - 1]
        if isinstance(measurement, BaseException):
            raise measurement
        results = tuple(candidate(measurement, path=str(path)) for path in candidate_paths)
        return EvaluationResult(anchor_path=str(anchor_path), evaluator=self.info, candidates=results)


@dataclass
class MemoryLog:
    """Keeps attempts, timeline and registry in memory; raises ``failure`` instead, if there is one."""

    records: list[AttemptRecord] = field(default_factory=list)
    embeddings: list[Sequence[float] | None] = field(default_factory=list)
    timeline: list[AttemptRecord] = field(default_factory=list)
    registered: list[AttemptRecord] = field(default_factory=list)
    failure: PersonalabError | None = None

    def log(self, record: AttemptRecord, embedding: Sequence[float] | None = None) -> AttemptRecord:
        if self.failure is not None:
            raise self.failure
        self.records.append(record.model_copy(update={"sequence_number": len(self.records) + 1}))
        self.embeddings.append(embedding)
        return self.records[-1]

    def record(self, attempt: AttemptRecord, /) -> DriftRecord | None:
        self.timeline.append(attempt)
        return None

    def register(self, attempt: AttemptRecord, /) -> Any:
        self.registered.append(attempt)


class TickingClock:
    """Every look at it is one second later."""

    def __init__(self, start: datetime = START) -> None:
        self._seconds = itertools.count()
        self._start = start

    def __call__(self) -> datetime:
        return self._start + timedelta(seconds=next(self._seconds))


def counted_chance() -> Chance:
    """Seeds 1000, 1001, ... and tokens t0, t1, ..."""
    seeds, tokens = itertools.count(1000), itertools.count()
    return Chance(seed=lambda: next(seeds), token=lambda: f"t{next(tokens)}")


@dataclass
class LoopBench:
    """One orchestrator over a fresh workspace, with everything it talked to."""

    folder: Path
    client: FakeLLMClient = field(default_factory=FakeLLMClient)
    evaluator: Any = field(default_factory=FakeEvaluator)
    policy: IdentityPolicy = field(default_factory=IdentityPolicy)
    log: MemoryLog = field(default_factory=MemoryLog)
    waits: list[float] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    chance: Chance = field(default_factory=counted_chance)
    max_retries: int = 2

    @property
    def output_dir(self) -> Path:
        return self.folder / "generated_content"

    @property
    def references_root(self) -> Path:
        return self.folder / "references"

    @property
    def retry(self) -> RetryPolicy:
        return RetryPolicy(self.max_retries, sleeper=self.waits.append)

    def write_anchor(self, persona: str = PERSONA, data: bytes | None = None) -> Path:
        path = self.references_root / persona / "anchors" / f"{persona}_anchor_frontal_neutral.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data or tiny_png(200))
        return path

    def generator(self, **changes: Any) -> ImageGenerator:
        settings = {
            "client": self.client,
            "model_name": "fake-model",
            "aspect_ratio": "4:5",
            "references_root": self.references_root,
            "transport_retry": self.retry,
            "clock": TickingClock(),
        }
        return ImageGenerator(**{**settings, **changes})

    def orchestrator(self, **changes: Any) -> GenerationOrchestrator:
        settings = {
            "image_generator": self.generator(),
            "evaluator": self.evaluator,
            "policy": self.policy,
            "drift_tracker": self.log,
            "metrics_logger": self.log,
            "output_dir": self.output_dir,
            "references_root": self.references_root,
            "registry": self.log,
            "patches": PATCHES,
            "clock": TickingClock(),
            "on_event": self.events.append,
            "chance": self.chance,
        }
        return GenerationOrchestrator(**{**settings, **changes})


def stop_after(n_questions: int) -> Callable[[], bool]:
    """A ``should_stop`` that says no ``n_questions`` times, and yes from then on."""
    asked = itertools.count(1)
    return lambda: next(asked) > n_questions
