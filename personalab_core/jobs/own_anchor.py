"""An anchor picture of one's own: checked, stored anew, and put among the candidates."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from personalab_core.errors import InputError
from personalab_core.identity import ANCHORS_LOG
from personalab_core.identity.anchors import CANDIDATES_FOLDER, anchor_folder
from personalab_core.identity.images import content_hash, decode_image
from personalab_core.jobs.studio import Studio
from personalab_core.observability import Journal, store_picture
from personalab_core.orchestration.importing import stored_anew
from personalab_core.quality.sharpness import FACE_HEIGHT_PX, laplacian_variance
from personalab_core.schemas import AnchorRecord, CandidateResult, MeasurementStatus

UPLOADED = "upload"
"""``strategy`` of a candidate that a person brought."""
MIN_SIDE_PX = 384
"""Shorter side of an anchor. Not calibrated; providers take smaller ones, but little of the face is left."""
MIN_EYE_DISTANCE_PX = 40.0
"""Between the eyes of an anchor's face. Not calibrated."""
MIN_SHARPNESS = 20.0
"""Variance of the Laplacian of the face at 112 px height; a portrait in focus has hundreds. Not calibrated."""


@dataclass(frozen=True, slots=True)
class AnchorTest:
    """One thing that was looked at. ``passed`` is ``None`` where it could not be measured."""

    subject: str
    passed: bool | None
    found: str


@dataclass(frozen=True, slots=True)
class OwnAnchor:
    """What came of a picture that was brought: its tests, and its record if it may be an anchor."""

    tests: tuple[AnchorTest, ...]
    record: AnchorRecord | None

    @property
    def refused(self) -> bool:
        """Whether one of the tests failed; then nothing was stored."""
        return self.record is None


def bring_own_anchor(studio: Studio, persona: str, data: bytes, *, name: str) -> OwnAnchor:
    """Check a picture and put it among a persona's frontal candidates; it is not chosen by that.

    Args:
        studio: Measures and says where the references are.
        persona: Id of the persona.
        data: The picture as it came.
        name: What to call it in messages.

    Raises:
        UnreadableImageError: It is no picture, or too large.
        WorkspaceError: It cannot be written; nothing was stored.
    """
    png, _ = stored_anew(data, name=name)
    measured = _measured(studio, png)
    tests = _tests(png, measured)
    if any(test.passed is False for test in tests):
        return OwnAnchor(tests, None)
    root = studio.config.paths.references
    folder = anchor_folder(root, persona)
    stored = store_picture(folder / CANDIDATES_FOLDER, f"{persona}_own_{content_hash(png)[:12]}.png", png)
    record = AnchorRecord(
        kind="anchor_candidate",
        timestamp=studio.clock(),
        persona=persona,
        anchor_kind="frontal",
        path=stored.path.relative_to(root).as_posix(),
        image_sha256=stored.sha256,
        thumbnail_path=stored.thumbnail_path.relative_to(root).as_posix(),
        strategy=UPLOADED,
        chosen_by="person",
        why="A person brought it.",
        evaluator=studio.evaluator.info,
        status=measured.status if measured else MeasurementStatus.NO_FACE,
        face=measured.face if measured else None,
        width_px=stored.width,
        height_px=stored.height,
    )
    return OwnAnchor(tests, Journal(folder / ANCHORS_LOG, AnchorRecord, fsync=True).append(record))


def _measured(studio: Studio, png: bytes) -> CandidateResult | None:
    """Measure the picture against itself; ``None`` if it shows no measurable face."""
    with tempfile.TemporaryDirectory(prefix="personalab-") as folder:
        file = Path(folder) / "picture.png"
        file.write_bytes(png)
        try:
            return studio.evaluator.evaluate(file, [file]).candidates[0]
        except InputError:
            return None


def _tests(png: bytes, measured: CandidateResult | None) -> tuple[AnchorTest, ...]:
    bgr = decode_image(png)
    height, width = bgr.shape[:2]
    size = AnchorTest("Size", min(height, width) >= MIN_SIDE_PX, f"{width} x {height} pixels, at least {MIN_SIDE_PX}")
    if measured is None:
        return size, AnchorTest("One face", passed=False, found="no face was found")
    if measured.status is MeasurementStatus.NOT_MEASURED:
        unknown = "not measured: no face recogniser is installed"
        return size, AnchorTest("One face", None, unknown), AnchorTest("Sharpness", None, unknown)
    one = AnchorTest("One face", measured.n_faces == 1, f"{measured.n_faces} found")
    face = measured.face
    if face is None:
        return size, one
    apart = face.inter_ocular_distance_px
    found = (
        f"eyes {apart:.0f} pixels apart, at least {MIN_EYE_DISTANCE_PX:.0f}" if apart is not None else "not measured"
    )
    near = AnchorTest("Face size", None if apart is None else apart >= MIN_EYE_DISTANCE_PX, found)
    x0, y0, x1, y1 = (max(0, round(value)) for value in face.box)
    sharpness = _sharpness(bgr[y0:y1, x0:x1])
    said = f"{sharpness:.0f}, at least {MIN_SHARPNESS:.0f}"
    return size, one, near, AnchorTest("Sharpness", sharpness >= MIN_SHARPNESS, said)


def _sharpness(face: object) -> float:
    import cv2
    import numpy as np

    region = np.asarray(face, np.uint8)
    if region.size == 0:
        return 0.0
    scale = FACE_HEIGHT_PX / region.shape[0]
    width = max(1, round(region.shape[1] * scale))
    small = cv2.resize(region, (width, FACE_HEIGHT_PX), interpolation=cv2.INTER_AREA) if scale < 1 else region
    return laplacian_variance(np.asarray(small, np.uint8))
