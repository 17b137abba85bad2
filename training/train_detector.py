"""Train the face detector: `python -m training.train_detector --data DIR --out detector.pt`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from training.nets import STRIDES, Detector
from training.samples import load_samples
from training.scenes import LevelTarget, SceneMaker, assign
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

PEOPLE = 700
"""Enough faces for a net this small; the other two need all."""
SEED = 11
PEAK_RATE = 4e-3
LATER_RATE = 2.5e-3
"""Later, shorter cosine cycles start from the averaged weights before."""
BATCH_OF_SIZE = {192: 12, 256: 7, 320: 4, 448: 2, 640: 1}


@dataclass(frozen=True)
class Emphasis:
    """What a cycle trains: its length, how often each scene size comes, and the weight of the key points."""

    steps: int
    size_shares: tuple[float, ...]
    points_weight: float


CYCLES = (
    Emphasis(4400, (0.5, 0.3, 0.2, 0.0, 0.0), 40.0),
    Emphasis(1300, (0.25, 0.35, 0.4, 0.0, 0.0), 40.0),
    Emphasis(1300, (0.25, 0.35, 0.4, 0.0, 0.0), 40.0),
    Emphasis(1300, (0.0, 0.1, 0.4, 0.2, 0.3), 10.0),
)
"""The last cycle is for faces of 300 to 600 pixels, which headshots have in InsightFace's default 640-pixel input.

Its key points weigh less because the refiner places them anew.
"""


def detector_losses(outputs: tuple[Tensor, ...], targets: list[list[LevelTarget]]) -> tuple[Tensor, Tensor, Tensor]:
    """Score, box and key point losses, each divided by the number of positive anchors.

    Args:
        outputs: The detector's nine outputs in training mode.
        targets: Per picture, per level.
    """
    positives = max(1, sum(int((level.state == 1).sum()) for picture in targets for level in picture))
    score_loss = box_loss = points_loss = torch.zeros(())
    for level in range(len(STRIDES)):
        state = torch.from_numpy(np.concatenate([t[level].state for t in targets]))
        wanted = (state == 1).float()
        logits = outputs[level][:, 0]
        error = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
        # Focal modulation (Lin et al. 2017, gamma 2) in the symmetric form of quality focal loss (Li et al. 2020).
        error = error * (torch.sigmoid(logits) - wanted).abs() ** 2 * torch.where(wanted > 0, 1.0, 0.6)
        score_loss = score_loss + (error * (state >= 0)).sum() / positives
        chosen = state == 1
        if chosen.any():
            true_box = torch.from_numpy(np.concatenate([t[level].box for t in targets]))[chosen]
            true_points = torch.from_numpy(np.concatenate([t[level].points for t in targets]))[chosen]
            box, points = outputs[3 + level][chosen], outputs[6 + level][chosen]
            size = (true_box[:, :2] + true_box[:, 2:]).max(1, keepdim=True)[0]
            offset = ((box - true_box).abs() / size).mean(1)
            box_loss = box_loss + ((1 - _overlap(box, true_box)) + 2 * offset).sum() / positives
            points_loss = points_loss + ((points - true_points).abs() / size).mean(1).sum() / positives
    return score_loss, box_loss, points_loss


def _overlap(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of boxes given as distances from a common point."""
    width = (torch.minimum(a[:, 0], b[:, 0]) + torch.minimum(a[:, 2], b[:, 2])).clamp(0)
    height = (torch.minimum(a[:, 1], b[:, 1]) + torch.minimum(a[:, 3], b[:, 3])).clamp(0)
    area_a = (a[:, 0] + a[:, 2]) * (a[:, 1] + a[:, 3])
    area_b = (b[:, 0] + b[:, 2]) * (b[:, 1] + b[:, 3])
    return width * height / (area_a + area_b - width * height + 1e-6)


def train(data: Path, out: Path, steps: int | None = None, init: Path | None = None) -> None:
    """Train one cycle and write the averaged weights to `out` (also every 500 steps).

    Args:
        data: Folder of rendered shards.
        out: Checkpoint to write.
        steps: Length of the cycle, None for its own.
        init: Checkpoint of the cycle before; None starts from scratch.
    """
    prepare_torch(SEED)
    net = Detector().to(memory_format=torch.channels_last).train()
    seed, peak = SEED, PEAK_RATE
    if init is not None:
        seed, peak = load_weights(net, init)["seed"] + 100, LATER_RATE
    now = CYCLES[min((seed - SEED) // 100, len(CYCLES) - 1)]
    steps = steps or now.steps
    maker = SceneMaker(load_samples(data, PEOPLE), seed)
    sizes = tuple(BATCH_OF_SIZE)
    optimiser = torch.optim.AdamW(net.parameters(), peak, weight_decay=1e-3)
    average, progress = AveragedWeights(net), Progress(every=100)
    for step in range(1, steps + 1):
        for group in optimiser.param_groups:
            group["lr"] = cosine_rate(step, steps, peak)
        size = int(np.random.default_rng([seed, step]).choice(sizes, p=now.size_shares))
        scenes = [maker.scene(step, slot, size) for slot in range(BATCH_OF_SIZE[size])]
        outputs = net(to_input([image for image, _ in scenes], 128.0))
        score, box, points = detector_losses(outputs, [assign(faces, size) for _, faces in scenes])
        optimiser.zero_grad()
        (2 * score + box + now.points_weight * points).backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        average.update()
        progress.add(step, score=score.item(), box=box.item(), points=points.item())
        if step % 500 == 0 or step == steps:
            save_checkpoint(out, average, step=step, steps=steps, seed=seed)


def main() -> None:
    """Command line."""
    run_from_command_line(train, __doc__)


if __name__ == "__main__":
    main()
