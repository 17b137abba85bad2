"""The realism filter against a straightforward one of numpy and OpenCV, side by side in one run.

    python -m benchmarks.realism_filter

Both add Gaussian noise (sigma 4), move red and blue apart by one pixel at the edge and store a JPEG of
quality 85. Targets for 1024 x 1280: at least 4 times faster, under 20 ms of CPU time, a file at least 70 %
smaller than the PNG. A missed one is exit code 1.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from personalab_core.simulation import PortraitRenderer, Scene, encode_png, sample_identity, sample_style
from personalab_core.tools import RealismFilter, RealismPreset

ROUNDS = 15
MOST_CPU_MS, LEAST_RATIO, MOST_OF_PNG = 20.0, 4.0, 0.3
PRESET = RealismPreset(noise_sigma=4.0, aberration_px=1, jpeg_quality=85)


def straightforward(bgr: npt.NDArray[np.uint8], seed: int) -> bytes:
    """As it is written first: floats, fresh normal numbers, affine warps, JPEG."""
    height, width = bgr.shape[:2]
    noisy = bgr.astype(np.float32) + np.random.default_rng(seed).normal(0, PRESET.noise_sigma, bgr.shape)
    blue, green, red = cv2.split(np.clip(noisy, 0, 255).astype(np.uint8))
    shift = 2 * PRESET.aberration_px / width

    def scaled(channel: npt.NDArray[np.uint8], factor: float) -> npt.NDArray[np.uint8]:
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 0, factor)
        return cv2.warpAffine(channel, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)

    fringed = cv2.merge([scaled(blue, 1 - shift), green, scaled(red, 1 + shift)])
    return cv2.imencode(".jpg", fringed, [cv2.IMWRITE_JPEG_QUALITY, PRESET.jpeg_quality])[1].tobytes()


def cpu_ms(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return (time.process_time() - start) * 1000


def main() -> int:
    cv2.setNumThreads(1)
    identity = sample_identity(7)
    scene = Scene(framing="half_body")
    rendering = PortraitRenderer().render(identity, sample_style(identity, 7), scene, width=1024, height=1280)
    picture, png = rendering.image, encode_png(rendering)
    look = RealismFilter(PRESET)
    look.encode(picture, seed=0)  # the noise plate is drawn once
    pairs = [
        (cpu_ms(lambda n=n: straightforward(picture, n)), cpu_ms(lambda n=n: look.encode(picture, seed=n)))
        for n in range(ROUNDS)
    ]
    plain, ours = (statistics.median(column) for column in zip(*pairs, strict=True))
    jpeg = len(look.encode(picture, seed=0))
    print(f"1024 x 1280, median of {ROUNDS} alternating rounds, CPU time on one core")
    print(f"straightforward {plain:6.1f} ms")
    print(f"RealismFilter   {ours:6.1f} ms   (target under 20)")
    print(f"ratio           {plain / ours:6.1f}      (target at least 4)")
    print(f"file            {jpeg / 1e3:6.0f} kB of {len(png) / 1e3:.0f} kB as PNG: {1 - jpeg / len(png):.0%} smaller")
    return 0 if ours < MOST_CPU_MS and plain / ours >= LEAST_RATIO and jpeg < MOST_OF_PNG * len(png) else 1


if __name__ == "__main__":
    raise SystemExit(main())
