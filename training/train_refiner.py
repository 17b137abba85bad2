"""Train the detector's second look: `python -m training.train_refiner --data DIR --out refiner.pt`.

One coarse cell has to place five points across a whole face, which keeps a small single-stage detector near 8 % of the
eye distance. The exported detector therefore crops every face it found from its own input and lets this net place the
points, correct the box and confirm that it is an upright face (a cascade, Zhang et al. 2016, inside one graph).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray

from training.augment import Affine, Image, apply_affine, camera, mirror, occlude, similarity
from training.nets import Refiner
from training.render_set import PROFILE_PEOPLE
from training.samples import Sample, load_samples
from training.scenes import MIRRORED_POINTS, destroyed
from training.schedule import (
    AveragedWeights,
    Progress,
    cosine_rate,
    load_weights,
    prepare_torch,
    run_from_command_line,
    save_checkpoint,
    to_input,
)
from training.train_landmarks import wing_loss

PEOPLE = 1200
"""The recogniser alone needs more."""
SEED = 14
PEAK_RATE = 3e-3
LATER_RATE = 2e-3
"""Later, shorter cosine cycles start from the averaged weights before and see harder negatives."""
BATCH = 48
CROP_PX = 80
CROP_GROW = 1.3
"""Side of the square that is cut out, in longer box sides."""
DETECTOR_PX = {"headshot": 320, "half_body": 320, "full_body": 640}
"""Longer side of the detector's input at which a framing's faces are found."""

KINDS = ("face", "upside_down", "away", "destroyed", "part", "elsewhere")


@dataclass(frozen=True)
class Emphasis:
    """What a cycle trains: its length, the kinds' shares, and how much further off a false face's box is.

    What the first cycle let through were boxes beside upside-down heads, and single eyes; the second, profiles.
    """

    steps: int
    shares: tuple[float, ...]
    negative_noise: float


CYCLES = (
    Emphasis(4500, (0.68, 0.14, 0.09, 0.05, 0.0, 0.04), 1.0),
    Emphasis(1500, (0.62, 0.18, 0.09, 0.03, 0.05, 0.03), 4.0),
    Emphasis(1000, (0.62, 0.13, 0.17, 0.02, 0.04, 0.02), 4.0),
)
SCORE_WEIGHT, BOX_WEIGHT = 0.5, 0.5
LARGEST_FACE_PX, BLURRED_FACE_PX = 400.0, 64.0
"""Longest box sides; blurring a large face takes long and looks the same in the crop."""
BORDERS = (0, 127)
"""Outside the picture lies the letterbox's black; outside the detector's input zeros are read, which are grey."""


@dataclass(frozen=True)
class View:
    """One training crop: BGR, whether it is a face, and its box (4,) and points (10,) in [-1, 1]."""

    image: Image
    is_face: bool
    box: NDArray[np.float32]
    points: NDArray[np.float32]


def square_of(box: NDArray[np.floating]) -> tuple[float, float, float]:
    """Left, top and side of the square around a box that is cut out."""
    side = CROP_GROW * float(max(box[2] - box[0], box[3] - box[1]))
    return float(box[0] + box[2] - side) / 2, float(box[1] + box[3] - side) / 2, side


def cut_square(image: Image, matrix: Affine, border: int) -> Image:
    """Cut an 80 x 80 crop as `cascade.cut_squares` does: each pixel is the mean over the area it covers.

    Args:
        image: BGR.
        matrix: From pixel positions of the image to those of the crop.
        border: Grey value outside.
    """
    fold = max(1, math.ceil(1 / math.hypot(matrix[0, 0], matrix[1, 0]) - 1e-6))
    finer = matrix * fold
    finer[:, 2] += (fold - 1) / 2
    side = CROP_PX * fold
    large = cv2.warpAffine(image, finer, (side, side), borderValue=(border, border, border))
    return cv2.resize(large, (CROP_PX, CROP_PX), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


class ViewMaker:
    """Makes crops as the detector's boxes cut them; view (step, slot) depends only on samples and seed."""

    def __init__(self, samples: list[Sample], seed: int, now: Emphasis) -> None:
        self._now = now
        faces = [s for s in samples if s.kind == "face"]
        self._faces = [[s for s in faces if s.framing == f] for f in DETECTOR_PX]
        away = [s for s in samples if s.kind == "away"]
        self._away = [[s for s in away if (s.person in PROFILE_PEOPLE) == profile] for profile in (False, True)]
        self._seed = seed

    def view(self, step: int, slot: int) -> View:
        """One crop."""
        rng = np.random.default_rng([self._seed, step, slot])
        kind = str(rng.choice(KINDS, p=self._now.shares))
        group = self._faces[rng.choice(len(DETECTOR_PX), p=(0.4, 0.33, 0.27))]
        if kind == "away":
            group = self._away[rng.integers(2)] or self._away[0]
        sample = group[rng.integers(len(group))]
        limit_px = BLURRED_FACE_PX if kind == "destroyed" else LARGEST_FACE_PX
        image, box, points = at_detector_scale(sample, limit_px, rng)
        if kind == "upside_down":
            image = np.ascontiguousarray(image[::-1])
            box = np.array([box[0], image.shape[0] - 1 - box[3], box[2], image.shape[0] - 1 - box[1]])
        elif kind == "destroyed":
            image = destroyed(image, box, rng)
        elif kind == "part":
            box = _box_inside(box, rng)
        elif kind == "elsewhere":
            box = _box_elsewhere(box, image.shape, rng)
        elif kind == "face" and rng.random() < 0.1:
            sigma = max(0.1, rng.uniform(0.0, 0.022) * float(box[2] - box[0]))
            image = cv2.GaussianBlur(image, (0, 0), sigma).astype(np.uint8, copy=False)
        return self._cut(image, box, points, rng, is_face=kind == "face")

    def _cut(
        self, image: Image, box: NDArray[np.float64], points: NDArray[np.float64], rng: np.random.Generator,
        *, is_face: bool,
    ) -> View:  # fmt: skip
        around, shift = _surroundings(image, box)
        box, points = box - np.tile(shift, 2), points - shift
        size = float(max(box[2] - box[0], box[3] - box[1]))
        around = camera(around, rng, face_px=size, low_resolution=0.15)
        matrix, angle = _noisy_square(box, rng, 1.0 if is_face else self._now.negative_noise)
        flipped = rng.random() < 0.5
        if flipped:
            matrix = mirror(matrix, CROP_PX)
        crop = occlude(cut_square(around, matrix, BORDERS[rng.integers(2)]), rng, 0.06)
        points = apply_affine(matrix, points)
        if flipped:
            points = points[list(MIRRORED_POINTS)]
        centre = apply_affine(matrix, np.array([[(box[0] + box[2]) / 2, (box[1] + box[3]) / 2]]))[0]
        half = np.array([box[2] - box[0], box[3] - box[1]]) / 2 * math.hypot(matrix[0, 0], matrix[1, 0])
        c, s = abs(math.cos(angle)), 0.35 * abs(math.sin(angle))
        half = np.array([c * half[0] + s * half[1], c * half[1] + s * half[0]])
        true_box = np.concatenate([centre - half, centre + half])
        return View(crop, is_face, _to_unit(true_box), _to_unit(points.reshape(-1)))


def _to_unit(pixels: NDArray[np.float64]) -> NDArray[np.float32]:
    return (pixels / (CROP_PX / 2) - 1).astype(np.float32)


def at_detector_scale(
    sample: Sample, limit_px: float, rng: np.random.Generator
) -> tuple[Image, NDArray[np.float64], NDArray[np.float64]]:
    """The picture as the detector gets it, with its box and five points; sometimes larger or smaller."""
    image = sample.picture()
    scale = DETECTOR_PX[sample.framing] / max(image.shape[:2]) * math.exp(rng.uniform(-0.4, 0.35))
    if sample.framing != "full_body" and rng.random() < 0.1:
        scale *= 2
    scale = min(scale, limit_px / float(max(sample.box[2] - sample.box[0], sample.box[3] - sample.box[1])))
    size = (max(16, round(image.shape[1] * scale)), max(16, round(image.shape[0] * scale)))
    method = cv2.INTER_LINEAR if rng.random() < 0.8 else cv2.INTER_AREA
    scaled = cv2.resize(image, size, interpolation=method).astype(np.uint8, copy=False)
    factors = np.array([size[0] / image.shape[1], size[1] / image.shape[0]])
    shift = (factors - 1) / 2  # cv2.resize keeps the outer edges of pixels in place, not their centres
    box = sample.box.astype(np.float64) * np.tile(factors, 2) + np.tile(shift, 2)
    return scaled, box, sample.points5.astype(np.float64) * factors + shift


def _surroundings(image: Image, box: NDArray[np.float64]) -> tuple[Image, NDArray[np.float64]]:
    """The part of a picture that a crop may reach, and where it begins."""
    margin = 0.6 * float(max(box[2] - box[0], box[3] - box[1]))
    x0, y0 = (max(0, int(v - margin)) for v in box[:2])
    x1, y1 = int(box[2] + margin) + 1, int(box[3] + margin) + 1
    return np.ascontiguousarray(image[y0:y1, x0:x1]), np.array([x0, y0], np.float64)


def _box_elsewhere(box: NDArray[np.float64], shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
    """A square of about a face's size beside or below the face."""
    side = float(box[3] - box[1]) * rng.uniform(0.7, 1.3)
    for _ in range(8):
        x, y = rng.uniform(0, shape[1] - side * 0.7), rng.uniform(0, shape[0] - side * 0.7)
        if x > box[2] or y > box[3] or x + side < box[0] or y + side < box[1]:
            return np.array([x, y, x + side * 0.8, y + side])
    return np.array([box[0], box[3], box[2], box[3] + side])  # below it: neck and chest


def _box_inside(box: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """A part of the face, such as an eye."""
    size = np.array([box[2] - box[0], box[3] - box[1]])
    half = size * rng.uniform(0.1, 0.28)
    centre = box[:2] + size * rng.uniform(0.2, 0.8, 2)
    return np.concatenate([centre - half, centre + half])


def _noisy_square(box: NDArray[np.float64], rng: np.random.Generator, noise: float) -> tuple[Affine, float]:
    """The crop's transform with a detector's box errors, sometimes turned, and the angle in radians."""
    left, top, side = square_of(box)
    centre = np.array([left + side / 2, top + side / 2]) + rng.normal(0, 0.035 * noise, 2) * side / CROP_GROW
    angle = math.radians(float(np.clip(rng.normal(0, 7), -20, 20))) if rng.random() < 0.5 else 0.0
    matrix = similarity(CROP_PX / (side * math.exp(rng.normal(0, 0.06 * noise))), angle)
    matrix[:, 2] = (CROP_PX - 1) / 2 - matrix[:, :2] @ centre
    return matrix, angle


def mean_answer(maker: ViewMaker) -> NDArray[np.float32]:
    """Average box and points of the faces among some crops: where the net starts."""
    views = [v for v in (maker.view(0, slot) for slot in range(300)) if v.is_face]
    return np.mean([np.concatenate([[0.0], v.box, v.points]) for v in views], axis=0).astype(np.float32)


def train(data: Path, out: Path, steps: int | None = None, init: Path | None = None) -> None:
    """Train one cycle and write the averaged weights to `out` (also every 500 steps).

    Args:
        data: Folder of rendered shards.
        out: Checkpoint to write.
        steps: Length of the cycle, None for its own.
        init: Checkpoint of the cycle before; None starts from scratch.
    """
    prepare_torch(SEED)
    net = Refiner().to(memory_format=torch.channels_last).train()
    seed, peak = SEED, PEAK_RATE
    if init is not None:
        seed, peak = load_weights(net, init)["seed"] + 100, LATER_RATE
    now = CYCLES[min((seed - SEED) // 100, len(CYCLES) - 1)]
    steps = steps or now.steps
    samples = load_samples(data, PROFILE_PEOPLE.stop)
    maker = ViewMaker([s for s in samples if s.person < PEOPLE or s.person in PROFILE_PEOPLE], seed, now)
    if init is None:
        net.answer.bias.data = torch.from_numpy(mean_answer(maker))
    optimiser = torch.optim.AdamW(net.parameters(), peak, weight_decay=1e-3)
    average, progress = AveragedWeights(net), Progress(every=100)
    for step in range(1, steps + 1):
        for group in optimiser.param_groups:
            group["lr"] = cosine_rate(step, steps, peak)
        views = [maker.view(step, slot) for slot in range(BATCH)]
        faces = torch.tensor([v.is_face for v in views])
        answer = net(to_input([v.image for v in views], 128.0))
        true_box = torch.from_numpy(np.stack([v.box for v in views]))[faces]
        true_points = torch.from_numpy(np.stack([v.points for v in views]))[faces]
        score = F.binary_cross_entropy_with_logits(answer[:, 0], faces.float())
        box, points = wing_loss(answer[faces, 1:5], true_box), wing_loss(answer[faces, 5:], true_points)
        optimiser.zero_grad()
        (SCORE_WEIGHT * score + BOX_WEIGHT * box + points).backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        average.update()
        apart = (answer[faces, 5:] - true_points).detach().reshape(-1, 5, 2).norm(dim=2).mean(1)
        eyes = (true_points[:, 0:2] - true_points[:, 2:4]).norm(dim=1)
        progress.add(step, score=score.item(), box=box.item(), error=(apart / eyes).mean().item())
        if step % 500 == 0 or step == steps:
            save_checkpoint(out, average, step=step, steps=steps, seed=seed)


def main() -> None:
    """Command line."""
    run_from_command_line(train, __doc__)


if __name__ == "__main__":
    main()
