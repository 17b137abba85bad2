"""Train the face recogniser: `python -m training.train_recogniser --data DIR --out recogniser.pt`.

Two losses: additive angular margin over the training people (ArcFace, Deng et al. 2019) and, decisive with only a few
pictures of each, the regression of the parameters that make the person. Hair style and hair colour are redrawn within
a person and not regressed, so what is left to go by is bones, eyes and skin.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray
from torch import Tensor, nn

from training.augment import Affine, Image, camera, fit_similarity, mirror, occlude, similarity
from training.nets import Recogniser
from training.render_set import REGRESSED
from training.samples import Sample, load_samples
from training.schedule import (
    AveragedWeights,
    Progress,
    cosine_rate,
    load_weights,
    prepare_torch,
    ramp,
    run_from_command_line,
    save_checkpoint,
    to_input,
)

SEED = 13
PEAK_RATE = 2.5e-3
LATER_RATE = 1.3e-3
"""Later, shorter cosine cycles start from the averaged weights before, with a detector's misalignment throughout."""
BATCH = 48
CROP_PX = 112
PAD_PX = 16
MIN_BOX_PX = 21
MARGIN_RAD = 0.35
REGRESSION_WEIGHT = 25.0
LAST_DETECTOR_NOISE = 0.55

ALIGNED_POINTS = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]], np.float32
)
"""Where InsightFace's `norm_crop` puts the five points of a 112 x 112 face."""
ALIGNED_EYES_PX = 35.2


@dataclass(frozen=True)
class Gallery:
    """Aligned faces in memory: crops (n, 144, 144, 3) BGR, class of each, standardised parameters of each."""

    crops: NDArray[np.uint8]
    classes: NDArray[np.int64]
    parameters: NDArray[np.float32]

    @property
    def n_classes(self) -> int:
        """Number of different people."""
        return int(self.classes.max()) + 1


def build_gallery(samples: list[Sample]) -> Gallery:
    """Align every face that is large enough to recognise."""
    usable = [s for s in samples if s.kind == "face" and s.box_width >= MIN_BOX_PX]
    side = CROP_PX + 2 * PAD_PX
    crops = np.empty((len(usable), side, side, 3), np.uint8)
    for i, sample in enumerate(usable):
        matrix = fit_similarity(sample.points5, ALIGNED_POINTS + PAD_PX)
        crops[i] = cv2.warpAffine(sample.picture(), matrix, (side, side))
    _, classes = np.unique([s.person for s in usable], return_inverse=True)
    vectors = np.stack([s.vector for s in usable])[:, list(REGRESSED)]
    standardised = (vectors - vectors.mean(0)) / (vectors.std(0) + 1e-6)
    return Gallery(crops, classes.astype(np.int64), standardised.astype(np.float32))


def _plain_noise(rng: np.random.Generator) -> Affine:
    """Small misalignment of a good detector, sometimes larger."""
    k = 2.5 if rng.random() < 0.15 else 1.0
    matrix = similarity(math.exp(rng.normal(0, 0.028 * k)), math.radians(rng.normal(0, 2.2 * k)))
    centre = np.full(2, CROP_PX / 2)
    matrix[:, 2] = centre + rng.normal(0, 1.1 * k, 2) - matrix[:, :2] @ (centre + PAD_PX)
    return matrix


def _detector_noise(rng: np.random.Generator, noise: float) -> Affine:
    """Misalignment that follows from noisy key points: independent, common and scale errors through the same fit."""
    independent, common = abs(rng.normal(0, 0.07 * noise)), abs(rng.normal(0, 0.05 * noise))
    points = ALIGNED_POINTS + PAD_PX + rng.normal(0, independent * ALIGNED_EYES_PX, (5, 2))
    points = points + rng.normal(0, common * ALIGNED_EYES_PX, 2)
    centre = CROP_PX / 2 + PAD_PX
    points = (points - centre) * math.exp(rng.normal(0, 0.03)) + centre
    return fit_similarity(points, ALIGNED_POINTS)


def disturbed_crop(
    crop: Image, rng: np.random.Generator, *, strength: float, detector_share: float, detector_noise: float = 1.0
) -> Image:
    """A 112 x 112 training view of a padded crop.

    Args:
        crop: 144 x 144 BGR.
        rng: Source of all choices.
        strength: Probability of photometric changes (the curriculum's position).
        detector_share: Probability of key point noise as the detector makes it.
        detector_noise: Size of that noise; 1 is about 8 % of the eye distance.
    """
    matrix = _detector_noise(rng, detector_noise) if rng.random() < detector_share else _plain_noise(rng)
    if rng.random() < 0.5:
        matrix = mirror(matrix, CROP_PX)
    image = cv2.warpAffine(crop, matrix, (CROP_PX, CROP_PX)).astype(np.uint8, copy=False)
    if rng.random() >= strength:
        return image
    return occlude(camera(image, rng, face_px=100.0, low_resolution=0.3 * strength), rng, 0.1 * strength)


def margin_loss(cosines: Tensor, classes: Tensor, *, margin_rad: float, scale: float) -> Tensor:
    """Additive angular margin softmax."""
    own = cosines.gather(1, classes[:, None]).clamp(-0.999, 0.999)
    pushed = cosines.scatter(1, classes[:, None], torch.cos(torch.acos(own) + margin_rad))
    return F.cross_entropy(scale * pushed, classes)


def spread_loss(cosines: Tensor, classes: Tensor) -> Tensor:
    """Mean squared positive cosine to other people's centres: the margin loss only minds the nearest of them."""
    others = torch.ones_like(cosines).scatter_(1, classes[:, None], 0.0)
    return (F.relu(cosines) ** 2 * others).sum() / others.sum()


@dataclass(frozen=True)
class Emphasis:
    """What a step trains: augmentation strength, share of detector noise, margin and weights of the two losses."""

    strength: float
    detector_share: float
    margin_rad: float
    scale: float
    margin_weight: float
    regression_weight: float
    detector_noise: float = 1.0
    spread_weight: float = 0.0


def first_cycle(done: float) -> Emphasis:
    """Parameters first, identities later: a margin from the start never leaves chance level."""
    return Emphasis(
        strength=0.25 + 0.75 * ramp(done, 0.0, 0.25),
        detector_share=0.6 * ramp(done, 0.3, 0.5),
        margin_rad=MARGIN_RAD * ramp(done, 0.25, 0.6),
        scale=20 + 10 * ramp(done, 0.0, 0.5),
        margin_weight=0.1 + 0.9 * ramp(done, 0.02, 0.2),
        regression_weight=REGRESSION_WEIGHT * (1 - 0.6 * done),
    )


def later_cycle(done: float) -> Emphasis:
    """Everything at once, on crops as a detector makes them."""
    return Emphasis(
        strength=1.0,
        detector_share=0.6,
        margin_rad=0.15 + (MARGIN_RAD - 0.15) * ramp(done, 0.0, 0.5),
        scale=30.0,
        margin_weight=1.0,
        regression_weight=REGRESSION_WEIGHT * (1 - 0.6 * done),
    )


def spreading_cycle(done: float, spread_weight: float) -> Emphasis:
    """On crops as the cascade's key points make them (under 4 % of the eye distance), other people pushed apart."""
    return replace(
        later_cycle(done),
        detector_noise=LAST_DETECTOR_NOISE,
        regression_weight=0.6 * REGRESSION_WEIGHT * (1 - 0.6 * done),
        spread_weight=spread_weight * ramp(done, 0.0, 0.2),
    )


CYCLES = (
    (2400, 1200, first_cycle),
    (1000, 1200, later_cycle),
    (1500, 1200, partial(spreading_cycle, spread_weight=25.0)),
    (1800, 1800, partial(spreading_cycle, spread_weight=40.0)),
    (1200, 1800, partial(spreading_cycle, spread_weight=100.0)),
)
"""Steps and people of each, and what it trains."""


@torch.no_grad()
def fitted_heads(net: Recogniser, gallery: Gallery) -> tuple[Tensor, nn.Linear]:
    """Class centres and the parameter regression that suit a trained net: class means and least squares."""
    net.eval()
    hidden, embeddings = [], []
    for start in range(0, len(gallery.crops), BATCH):
        crops = gallery.crops[start : start + BATCH, PAD_PX:-PAD_PX, PAD_PX:-PAD_PX]
        h, e = net.features(to_input(list(crops), 127.5))
        hidden.append(h)
        embeddings.append(F.normalize(e))
    net.train()
    centres = torch.zeros(gallery.n_classes, net.embed.out_features)
    centres.index_add_(0, torch.from_numpy(gallery.classes), torch.cat(embeddings))
    inputs = torch.cat(hidden)
    inputs = torch.cat([inputs, torch.ones(len(inputs), 1)], 1)
    solution = torch.linalg.lstsq(inputs, torch.from_numpy(gallery.parameters)).solution
    regression = nn.Linear(net.hidden.out_features, gallery.parameters.shape[1])
    regression.weight.data, regression.bias.data = solution[:-1].T.contiguous(), solution[-1].contiguous()
    return F.normalize(centres), regression


def _batches(count: int, steps: int, seed: int) -> list[NDArray[np.intp]]:
    """Sample numbers of every step: whole passes in random order."""
    passes = -(-steps * BATCH // count)
    order = np.concatenate([np.random.default_rng([seed, 1, i]).permutation(count) for i in range(passes)])
    return list(order[: steps * BATCH].reshape(steps, BATCH))


def train(data: Path, out: Path, steps: int | None = None, init: Path | None = None) -> None:
    """Train one cycle and write the averaged weights to `out` (also every 300 steps).

    Args:
        data: Folder of rendered shards.
        out: Checkpoint to write.
        steps: Length of the cycle, None for its own.
        init: Checkpoint of the cycle before; None starts from scratch.
    """
    prepare_torch(SEED)
    net = Recogniser().to(memory_format=torch.channels_last).train()
    seed, peak = SEED, PEAK_RATE
    if init is not None:
        seed, peak = load_weights(net, init)["seed"] + 100, LATER_RATE
    own_steps, people, cycle = CYCLES[min((seed - SEED) // 100, len(CYCLES) - 1)]
    steps = steps or own_steps
    gallery = build_gallery(load_samples(data, people))
    print(f"{len(gallery.crops)} faces of {gallery.n_classes} people", flush=True)
    regression = nn.Linear(net.hidden.out_features, len(REGRESSED))
    start = torch.randn(gallery.n_classes, net.embed.out_features) * 0.05
    if init is not None:
        start, regression = fitted_heads(net, gallery)
    centres = nn.Parameter(start)
    trained = [*net.parameters(), *regression.parameters()]
    optimiser = torch.optim.AdamW(
        [{"params": trained, "weight_decay": 1e-2}, {"params": [centres], "weight_decay": 5e-3}], peak
    )
    average, progress = AveragedWeights(net), Progress(every=100)
    for step, chosen in enumerate(_batches(len(gallery.crops), steps, seed), start=1):
        now = cycle(step / steps)
        for group in optimiser.param_groups:
            group["lr"] = cosine_rate(step, steps, peak, warm_up=60)
        classes = torch.from_numpy(gallery.classes[chosen])
        hidden, embedding = net.features(to_input(_views(gallery, chosen, [seed, step], now), 127.5))
        cosines = F.normalize(embedding) @ F.normalize(centres).T
        arc = margin_loss(cosines, classes, margin_rad=now.margin_rad, scale=now.scale)
        fit = F.smooth_l1_loss(regression(hidden), torch.from_numpy(gallery.parameters[chosen]))
        spread = spread_loss(cosines, classes)
        optimiser.zero_grad()
        (now.margin_weight * arc + now.regression_weight * fit + now.spread_weight * spread).backward()
        torch.nn.utils.clip_grad_norm_(trained, 10.0)
        optimiser.step()
        average.update()
        hits = (cosines.argmax(1) == classes).float().mean()
        progress.add(step, arc=arc.item(), parameters=fit.item(), spread=spread.item(), accuracy=hits.item())
        if step % 300 == 0 or step == steps:
            save_checkpoint(out, average, step=step, steps=steps, seed=seed)


def _views(gallery: Gallery, chosen: NDArray[np.intp], seeds: list[int], now: Emphasis) -> list[Image]:
    return [
        disturbed_crop(
            gallery.crops[i],
            np.random.default_rng([*seeds, slot]),
            strength=now.strength,
            detector_share=now.detector_share,
            detector_noise=now.detector_noise,
        )
        for slot, i in enumerate(chosen)
    ]


def main() -> None:
    """Command line."""
    run_from_command_line(train, __doc__)


if __name__ == "__main__":
    main()
