"""Builds a small workspace through the real schemas and writers, with plain drawn pictures."""

from __future__ import annotations

import io
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

from PIL import Image, ImageDraw

from personalab_core.config import Config, load_config
from personalab_core.config.personas import PersonaStore
from personalab_core.identity import DriftTracker
from personalab_core.observability import Journal, StoredPicture, store_picture
from personalab_core.observability.metrics import METRICS_FILE
from personalab_core.schemas import (
    AnchorRecord,
    AssetOutcome,
    AttemptRecord,
    CandidateResult,
    Character,
    Cost,
    Decision,
    EmbeddingScore,
    EvaluatorInfo,
    FaceSummary,
    Framing,
    GenerationContext,
    GeometricScore,
    MeasurementStatus,
    PromptPatch,
    RatioScore,
    Reason,
    Scores,
    Timings,
)

NOW = datetime(2026, 11, 22, 9, 41, tzinfo=UTC)
EVALUATOR = EvaluatorInfo(
    name="arcface", version="1", pack="simface", pack_hash="0123456789abcdef", metric="cosine_similarity"
)
RATIOS = (
    "eyes_to_nose_tip",
    "nose_length",
    "mouth_width",
    "jaw_width",
    "nose_width",
    "upper_lip_to_chin",
    "eye_height",
)
WIDTH_PX, HEIGHT_PX = 96, 120
N_PICTURES = 8
FRAME_SIZES: dict[Framing, str] = {"headshot": "head", "half_body": "half", "full_body": "full"}


def face_png(seed: int, *, width: int = WIDTH_PX, height: int = HEIGHT_PX) -> bytes:
    """A drawn head whose colours follow the seed; enough to tell pictures apart."""
    rng = random.Random(seed)
    picture = Image.new("RGB", (width, height), tuple(rng.randrange(120, 210) for _ in range(3)))
    draw = ImageDraw.Draw(picture)
    skin = (rng.randrange(120, 230), rng.randrange(90, 180), rng.randrange(70, 150))
    draw.ellipse((width * 0.25, height * 0.15, width * 0.75, height * 0.75), fill=skin)
    for x in (0.4, 0.6):
        draw.ellipse((width * x - 3, height * 0.4 - 2, width * x + 3, height * 0.4 + 2), fill="white")
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def face_summary(framing: Framing = "headshot") -> FaceSummary:
    """A sharp face in the middle of the drawn picture, with 106 points on an ellipse."""
    points = tuple(
        (round(WIDTH_PX * (0.3 + 0.004 * i), 1), round(HEIGHT_PX * (0.2 + 0.005 * i), 1)) for i in range(106)
    )
    share = {"headshot": 0.4, "half_body": 0.2, "full_body": 0.07}[framing]
    return FaceSummary(
        box=(24.0, 18.0, 72.0, 90.0),
        size_fraction=share,
        frame_size=FRAME_SIZES[framing],
        yaw_deg=7.0,
        inter_ocular_distance_px=19.0,
        sharpness_ratio=0.8,
        landmarks=points,
    )


@dataclass
class WorkspaceBuilder:
    """Writes personas, anchors and attempts below one folder. Every call is a fact a test can state."""

    root: Path
    now: datetime = NOW
    n_assets: dict[str, int] = field(default_factory=dict)
    anchor_hashes: dict[str, str] = field(default_factory=dict)
    pictures: dict[tuple[str, int], StoredPicture] = field(default_factory=dict)
    logs: dict[str, Journal[AttemptRecord]] = field(default_factory=dict)

    @cached_property
    def config(self) -> Config:
        return load_config(workspace=self.root, environ={}, profile="simulated")

    def environment(self) -> dict[str, str]:
        return {"PERSONALAB_WORKSPACE": str(self.root), "PERSONALAB_PROFILE": "simulated"}

    def persona(self, name: str, *, persona_id: str = "") -> Character:
        character = Character(name=name, id=persona_id, physical_description={"age_range": "23", "gender": "female"})
        PersonaStore(self.config.paths.personas).save(character)
        return character

    def anchors(
        self, persona: str, *, n: int = 4, odd_one: int | None = None, choose: int | None = 1
    ) -> list[AnchorRecord]:
        """``n`` frontal candidates; ``choose`` (from 0) becomes the anchor, ``odd_one`` resembles no other."""
        folder = self.config.paths.references / persona / "anchors"
        journal = Journal(folder / "anchors.jsonl", AnchorRecord)
        made = [self._candidate(journal, folder, persona, i) for i in range(n)]
        if choose is None:
            return made
        matrix = tuple(
            tuple(1.0 if a == b else 0.21 if odd_one in {a, b} else 0.78 - 0.01 * abs(a - b) for b in range(n))
            for a in range(n)
        )
        central = tuple((sum(row) - 1.0) / (n - 1) if n > 1 else None for row in matrix)
        chosen = made[choose]
        self.anchor_hashes[persona] = chosen.image_sha256
        journal.append(
            chosen.model_copy(
                update={
                    "kind": "anchor_selected",
                    "strategy": "central_similarity",
                    "chosen_by": "automatic",
                    "candidates": tuple(r.path for r in made),
                    "similarity_matrix": matrix,
                    "central_similarity": central,
                    "evaluator": EVALUATOR,
                    "timestamp": self.now - timedelta(days=30),
                }
            )
        )
        return made

    def _candidate(self, journal: Journal[AnchorRecord], folder: Path, persona: str, i: int) -> AnchorRecord:
        stored = store_picture(folder / "candidates", f"{persona}_frontal_{i:02d}.png", face_png(_seed(persona) + i))
        return journal.append(
            AnchorRecord(
                kind="anchor_candidate",
                timestamp=self.now - timedelta(days=30, minutes=10 - i),
                persona=persona,
                anchor_kind="frontal",
                path=self._below(self.config.paths.references, stored.path),
                image_sha256=stored.sha256,
                thumbnail_path=self._below(self.config.paths.references, stored.thumbnail_path),
                context=self._context(),
                status=MeasurementStatus.MEASURED,
                face=face_summary(),
                width_px=stored.width,
                height_px=stored.height,
            )
        )

    def asset(
        self,
        persona: str,
        *scores: float | Reason,
        framing: Framing = "headshot",
        at: datetime | None = None,
        job_id: str | None = None,
        finished: bool = True,
    ) -> list[AttemptRecord]:
        """One asset. A number is a measured attempt's composite score, a reason an attempt without one."""
        self.n_assets[persona] = number = self.n_assets.get(persona, 0) + 1
        path = self.config.paths.output / persona / METRICS_FILE
        # The same file as GenerationMetricsLogger writes, but without waiting for the disk after each line.
        log = self.logs.setdefault(persona, Journal(path, AttemptRecord))
        drift = DriftTracker(self.config.evaluation.drift.log_dir)
        written = []
        for i, score in enumerate(scores, 1):
            last = i == len(scores) and finished
            record = self._attempt(persona, number, i, score, framing=framing, last=last, at=at, job_id=job_id)
            written.append(log.append(record))
            drift.record(record)
        return written

    def history(
        self, persona: str, n: int, *, level: float = 0.72, after: int | None = None, step: float = 0.0
    ) -> None:
        """``n`` assets around a level; from asset ``after`` on, ``step`` is added. Every fifth needs a retry."""
        rng = random.Random(_seed(persona))
        framings: Sequence[Framing] = ("headshot", "half_body", "headshot", "full_body")
        for i in range(n):
            at = self.now - timedelta(hours=6 * (n - i))
            shift = step if after is not None and i >= after else 0.0
            score = min(0.95, max(0.56, rng.gauss(level, 0.03) + shift))
            first: tuple[float | Reason, ...] = (0.47,) if i % 5 == 2 else (Reason.NO_FACE,) if i % 11 == 7 else ()
            self.asset(persona, *first, round(score, 3), framing=framings[i % 4], at=at)

    def break_line(self, persona: str) -> None:
        """Damages the second attempt of a persona and cuts off the last line."""
        path = self.config.paths.output / persona / "metrics.jsonl"
        lines = path.read_text().splitlines()
        lines[1] = lines[1].replace('"attempt":', '"atempt":', 1)
        path.write_text("\n".join(lines) + '\n{"kind": "attempt", "att')

    def break_persona(self, name: str = "broken.yml") -> None:
        folder = self.config.paths.personas
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("name: [unclosed\n")

    def _attempt(
        self,
        persona: str,
        number: int,
        attempt: int,
        score: float | Reason,
        *,
        framing: Framing,
        last: bool,
        at: datetime | None,
        job_id: str | None,
    ) -> AttemptRecord:
        value = score if isinstance(score, float) else None
        no_picture = score in {Reason.BLOCKED, Reason.EMPTY_ANSWER, Reason.PROVIDER_ERROR}
        stored = None if no_picture else self._picture(persona, number, attempt)
        decision, reason = _verdict(score)
        final = last or decision in {Decision.ACCEPT, Decision.REJECT_FINAL, Decision.UNMEASURED}
        patches = tuple(
            PromptPatch(reason=Reason.IDENTITY_LOW, level=level, text=f"Keep the face exactly, level {level}.")
            for level in range(1, attempt)
        )
        measured = None if stored is None else _measurement(stored, value, reason, framing)
        return AttemptRecord(
            timestamp=(at or self.now - timedelta(minutes=30)) + timedelta(seconds=20 * attempt),
            attempt_id=f"{persona}-{number:04d}-{attempt}",
            asset_id=f"{persona}-{number:04d}",
            persona=persona,
            attempt=attempt,
            max_attempts=3,
            final=final,
            outcome=_outcome(decision) if final else None,
            context=self._context(job_id),
            scenario="cafe_selfie",
            prompt=" ".join(["A picture of a person in a cafe.", *(p.text for p in patches)]),
            prompt_hash="0" * 16,
            patches=patches,
            requested_framing=framing,
            anchor_sha256=self.anchor_hashes.get(persona),
            image_path=self._below(self.config.paths.output, stored.path) if stored else None,
            image_sha256=stored.sha256 if stored else None,
            thumbnail_path=self._below(self.config.paths.output, stored.thumbnail_path) if stored else None,
            status=measured.status if measured else None,
            scores=_scores(measured),
            decision=decision,
            reason=reason,
            sentence="",
            evaluator=None if decision is Decision.UNMEASURED else EVALUATOR,
            measurement=measured,
            accept_threshold=0.55,
            retry_threshold=0.35,
            policy_mode="composite_only",
            timings=Timings(generate_s=2.5, measure_s=0.09),
            cost=Cost(amount_usd=0.0, source="simulated"),
        )

    def _picture(self, persona: str, number: int, attempt: int) -> StoredPicture:
        """One of a few pictures of the persona; each is written once, however many attempts show it."""
        which = (3 * number + attempt) % N_PICTURES
        if (persona, which) not in self.pictures:
            folder = self.config.paths.output / persona / "images"
            data = face_png(_seed(persona) + 100 + which)
            self.pictures[persona, which] = store_picture(folder, f"{persona}_{which}.png", data)
        return self.pictures[persona, which]

    def _context(self, job_id: str | None = None) -> GenerationContext:
        return GenerationContext(
            provider="simulated",
            model="portrait-1",
            profile="simulated",
            simulated=True,
            seed=7,
            config_hash="0" * 16,
            package_version="0.1.0",
            job_id=job_id,
        )

    @staticmethod
    def _below(folder: Path, path: Path) -> str:
        return path.relative_to(folder).as_posix()


def _seed(persona: str) -> int:
    return sum(map(ord, persona)) * 10_000


def _verdict(score: float | Reason) -> tuple[Decision, Reason]:
    if isinstance(score, Reason):
        return (Decision.UNMEASURED if score is Reason.NO_EVALUATOR else Decision.RETRY), score
    if score >= 0.55:
        return Decision.ACCEPT, Reason.NONE
    return (Decision.RETRY if score >= 0.35 else Decision.REJECT_FINAL), Reason.IDENTITY_LOW


def _outcome(decision: Decision) -> AssetOutcome:
    return {
        Decision.ACCEPT: AssetOutcome.ACCEPTED,
        Decision.RETRY: AssetOutcome.EXHAUSTED,
        Decision.REJECT_FINAL: AssetOutcome.REJECTED,
        Decision.UNMEASURED: AssetOutcome.UNMEASURED,
    }[decision]


def _measurement(stored: StoredPicture, value: float | None, reason: Reason, framing: Framing) -> CandidateResult:
    common = {
        "path": str(stored.path),
        "width_px": stored.width,
        "height_px": stored.height,
        "image_sha256": stored.sha256,
    }
    if value is None:
        status = MeasurementStatus.NOT_MEASURED if reason is Reason.NO_EVALUATOR else MeasurementStatus.NO_FACE
        return CandidateResult(status=status, **common)
    # Composite = 0.7 * cosine + 0.3 * (1 - error), so the pages can show the arithmetic.
    error = 0.04 if value >= 0.55 else 0.11
    cosine = (value - 0.3 * (1 - error)) / 0.7
    ratios = tuple(
        RatioScore(name=name, anchor=1.0, candidate=1.0 + (error * 7 if name == "jaw_width" else 0.0))
        for name in RATIOS
    )
    return CandidateResult(
        status=MeasurementStatus.MEASURED,
        n_faces=1,
        composite_score=value,
        embedding=EmbeddingScore(cosine_similarity=cosine, threshold=0.55, passed=cosine >= 0.55),
        geometric=GeometricScore(
            normalized_error=error, threshold=0.08, passed=error <= 0.08, n_points=106, ratios=ratios
        ),
        face=face_summary(framing),
        **common,
    )


def _scores(measured: CandidateResult | None) -> Scores:
    if measured is None or measured.embedding is None or measured.geometric is None:
        return Scores()
    return Scores(
        composite=measured.composite_score,
        cosine_similarity=measured.embedding.cosine_similarity,
        geometric_error=measured.geometric.normalized_error,
    )


def typical_workspace(root: Path, *, now: datetime = NOW) -> WorkspaceBuilder:
    """A steady, a drifting and a new persona, and one without an anchor."""
    builder = WorkspaceBuilder(root, now=now)
    for name, persona in (
        ("Mara Lindqvist", "mara"),
        ("Ines Duarte", "ines"),
        ("Juno Park", "juno"),
        ("Noor Haddad", "noor"),
    ):
        builder.persona(name, persona_id=persona)
    builder.anchors("mara")
    builder.anchors("ines", odd_one=3)
    builder.anchors("juno")
    builder.history("mara", 44)
    builder.history("ines", 66, after=44, step=-0.1)
    builder.history("juno", 4)
    return builder
