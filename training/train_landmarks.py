"""Train the 106-point net: `python -m training.train_landmarks --data DIR --out landmarks.pt`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.augment import Affine, Image, apply_affine, camera, mirror, occlude, similarity
from training.nets import Landmarker
from training.samples import Sample, load_samples
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

PEOPLE = 1200
"""The recogniser alone needs more."""
SEED = 12
PEAK_RATE = 3e-3
LATER_RATE = 2e-3
"""Later, shorter cosine cycles start from the averaged weights before."""
BATCH = 16
CROP_PX = 192
MIN_BOX_PX = 22
SMALL_BOX_PX = 48
WING_WIDTH, WING_CURVE = 0.10, 0.02


def mirrored_order(points: NDArray[np.floating]) -> NDArray[np.intp]:
    """Which point each point becomes in a mirrored picture, from the points of a symmetric frontal face.

    Args:
        points: Shape (106, 2), of a face with no asymmetry looking straight ahead.

    Raises:
        ValueError: The points are no mirror image of themselves.
    """
    from scipy.optimize import linear_sum_assignment

    flipped = np.asarray(points, np.float64).copy()
    flipped[:, 0] = points[:, 0].max() + points[:, 0].min() - flipped[:, 0]
    distance = np.linalg.norm(flipped[:, None] - points[None], axis=2)
    rows, order = linear_sum_assignment(distance)
    width = float(np.ptp(points[:, 0]))
    if distance[rows, order].max() > 0.02 * width or (order[order] != np.arange(len(order))).any():
        raise ValueError("the points are not symmetric; render the average person looking straight ahead")
    return np.asarray(order)


def average_person_points() -> NDArray[np.float32]:
    """The 106 points of the average person, frontal and without expression."""
    from personalab_core.simulation import PortraitRenderer, Scene, Style, sample_identity

    person = sample_identity(0)
    person = type(person)((0.0,) * len(person.geometry), (0.0,) * len(person.appearance))
    scene = Scene(smile=0.0, noise=0.0)
    rendering = PortraitRenderer(1).render(person, Style(), scene, width=256, height=320)
    return np.asarray(rendering.faces[0].points106, np.float32)


@dataclass(frozen=True)
class Emphasis:
    """What a cycle trains: its length, the share of small faces and the size of the detector's box errors."""

    steps: int
    small_share: float
    box_noise: float


CYCLES = (Emphasis(4500, 0.15, 1.0), Emphasis(2000, 0.15, 1.0), Emphasis(2500, 0.35, 0.65))
"""The last cycle is for full bodies, and for the steadier boxes of the detector's second look."""


class CropMaker:
    """Cuts 192 x 192 face crops as InsightFace does, with the noise of a detector's boxes."""

    def __init__(self, samples: list[Sample], order: NDArray[np.intp], seed: int, now: Emphasis) -> None:
        faces = [s for s in samples if s.kind == "face" and s.box_width >= MIN_BOX_PX]
        self._large = [s for s in faces if s.box_width >= SMALL_BOX_PX]
        self._small = [s for s in faces if s.box_width < SMALL_BOX_PX] or self._large
        self._order = order
        self._seed = seed
        self._now = now

    def crop(self, step: int, slot: int) -> tuple[Image, NDArray[np.float32]]:
        """A BGR crop and its points (106, 2) in [-1, 1]."""
        rng = np.random.default_rng([self._seed, step, slot])
        group = self._large if rng.random() >= self._now.small_share else self._small
        sample = group[rng.integers(len(group))]
        matrix = _noisy_crop(sample, rng, self._now.box_noise)
        flipped = rng.random() < 0.5
        if flipped:
            matrix = mirror(matrix, CROP_PX)
        image = cv2.warpAffine(sample.picture(), matrix, (CROP_PX, CROP_PX)).astype(np.uint8, copy=False)
        points = apply_affine(matrix, sample.points106)
        if flipped:
            points = points[self._order]
        image = occlude(camera(image, rng, face_px=128.0, low_resolution=0.35), rng, 0.12)
        return image, (points / (CROP_PX / 2) - 1).astype(np.float32)

    def mean_points(self) -> NDArray[np.float32]:
        """Average points of undisturbed crops, (212,): where the net starts."""
        shapes = [
            apply_affine(plain_crop(s.box), s.points106) / (CROP_PX / 2) - 1
            for s in self._large[:: len(self._large) // 200 or 1]
        ]
        return np.mean(shapes, axis=0).astype(np.float32).reshape(-1)


def plain_crop(box: NDArray[np.floating], *, grow: float = 1.0, angle_rad: float = 0.0) -> Affine:
    """The transform of InsightFace's landmark crop: a square of 1.5 times the longer side about the box centre."""
    size = 1.5 * float(max(box[2] - box[0], box[3] - box[1])) * grow
    matrix = similarity(CROP_PX / size, angle_rad)
    centre = np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2], np.float64)
    matrix[:, 2] = CROP_PX / 2 - matrix[:, :2] @ centre
    return matrix


def _noisy_crop(sample: Sample, rng: np.random.Generator, noise: float) -> Affine:
    size = max(sample.box_width, float(sample.box[3] - sample.box[1]))
    shift = np.tile(rng.normal(0, 0.03 * noise, 2) * size, 2)
    angle = math.radians(float(np.clip(rng.normal(0, 6), -18, 18))) if rng.random() < 0.6 else 0.0
    return plain_crop(sample.box + shift, grow=math.exp(rng.normal(0, 0.05 * noise)), angle_rad=angle)


def wing_loss(predicted: Tensor, true: Tensor) -> Tensor:
    """Wing loss (Feng et al. 2018): logarithmic for small errors, which decide the normalised mean error."""
    d = (predicted - true).abs()
    small = WING_WIDTH * torch.log1p(d / WING_CURVE)
    offset = WING_WIDTH - WING_WIDTH * math.log1p(WING_WIDTH / WING_CURVE)
    return torch.where(d < WING_WIDTH, small, d - offset).mean() * 10


def train(data: Path, out: Path, steps: int | None = None, init: Path | None = None) -> None:
    """Train one cycle and write the averaged weights to `out` (also every 500 steps).

    Args:
        data: Folder of rendered shards.
        out: Checkpoint to write.
        steps: Length of the cycle, None for its own.
        init: Checkpoint of the cycle before; None starts from scratch.
    """
    prepare_torch(SEED)
    net = Landmarker().to(memory_format=torch.channels_last).train()
    seed, peak = SEED, PEAK_RATE
    if init is not None:
        seed, peak = load_weights(net, init)["seed"] + 100, LATER_RATE
    now = CYCLES[min((seed - SEED) // 100, len(CYCLES) - 1)]
    steps = steps or now.steps
    maker = CropMaker(load_samples(data, PEOPLE), mirrored_order(average_person_points()), seed, now)
    if init is None:
        net.points.bias.data = torch.from_numpy(maker.mean_points())
    optimiser = torch.optim.AdamW(net.parameters(), peak, weight_decay=1e-3)
    average, progress = AveragedWeights(net), Progress(every=100)
    for step in range(1, steps + 1):
        for group in optimiser.param_groups:
            group["lr"] = cosine_rate(step, steps, peak)
        crops = [maker.crop(step, slot) for slot in range(BATCH)]
        true = torch.from_numpy(np.stack([points for _, points in crops]))
        predicted = net(to_input([image for image, _ in crops], 128.0)).reshape(-1, 106, 2)
        loss = wing_loss(predicted, true)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        average.update()
        error_px = float((predicted.detach() - true).norm(dim=2).mean()) * CROP_PX / 2
        progress.add(step, wing=loss.item(), error_px=error_px)
        if step % 500 == 0 or step == steps:
            save_checkpoint(out, average, step=step, steps=steps, seed=seed)


def main() -> None:
    """Command line."""
    run_from_command_line(train, __doc__)


if __name__ == "__main__":
    main()
