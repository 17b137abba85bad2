"""What the three trainings share: step-driven rates, averaged weights, checkpoints, input tensors."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

AVERAGE_DECAY = 0.998


def prepare_torch(seed: int) -> None:
    """One thread and seeded: runs repeat on one kind of CPU (other kinds differ in the last bits)."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(mode=True)


def cosine_rate(step: int, steps: int, peak: float, warm_up: int = 100) -> float:
    """Learning rate at a step: linear warm-up, then half a cosine down to almost nothing.

    Driven by steps, never by time, so that a run repeats on a slower machine.
    """
    return peak * min(1.0, step / warm_up + 0.02) * (0.5 + 0.5 * math.cos(math.pi * step / steps)) + 1e-5


def ramp(progress: float, start: float, end: float) -> float:
    """0 before `start`, 1 after `end`, linear between."""
    return min(1.0, max(0.0, (progress - start) / (end - start)))


class AveragedWeights:
    """Exponential moving average of a net's weights and statistics; this is what gets exported."""

    def __init__(self, net: nn.Module) -> None:
        self._net = net
        self._updates = 0
        self.state = {name: value.clone() for name, value in net.state_dict().items()}

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights after a step."""
        self._updates += 1
        decay = min(AVERAGE_DECAY, self._updates / (self._updates + 20.0))
        for name, value in self._net.state_dict().items():
            if value.dtype.is_floating_point:
                self.state[name].lerp_(value, 1 - decay)
            else:
                self.state[name].copy_(value)


def save_checkpoint(path: Path, average: AveragedWeights, *, step: int, steps: int, seed: int) -> None:
    """Write the averaged weights with how far the run is, complete or not at all."""
    temporary = path.with_suffix(".partial")
    torch.save({"weights": average.state, "step": step, "steps": steps, "seed": seed}, temporary)
    temporary.replace(path)


def load_weights(net: nn.Module, checkpoint: Path) -> dict[str, int]:
    """Put a checkpoint's averaged weights into a net and return its step, steps and seed."""
    state = torch.load(checkpoint, weights_only=True)
    net.load_state_dict(state["weights"])
    return {name: int(state[name]) for name in ("seed", "step", "steps")}


def to_input(images: list[NDArray[np.uint8]], scale: float) -> Tensor:
    """Stack BGR pictures to an RGB tensor (n, 3, height, width), (x - 127.5) / scale."""
    stack = torch.from_numpy(np.stack(images)[..., ::-1].copy()).permute(0, 3, 1, 2)
    return ((stack.float() - 127.5) / scale).contiguous(memory_format=torch.channels_last)


class Progress:
    """Prints running means of named losses every so many steps."""

    def __init__(self, every: int) -> None:
        self._every = every
        self._sums: dict[str, float] = {}

    def add(self, step: int, **losses: float) -> None:
        """Take in the losses of one step."""
        for name, value in losses.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        if step % self._every == 0:
            means = "  ".join(f"{name} {value / self._every:.4f}" for name, value in self._sums.items())
            print(f"step {step}  {means}", flush=True)
            self._sums = {}


def run_from_command_line(
    train: Callable[[Path, Path, int | None, Path | None], None], description: str | None
) -> None:
    """Run one cycle of a net's training as its module's command line asks for."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", type=Path, required=True, help="folder of rendered shards")
    parser.add_argument("--out", type=Path, required=True, help="checkpoint to write")
    parser.add_argument("--init", type=Path, help="checkpoint of the cycle before: run a later one")
    parser.add_argument("--steps", type=int, help="length of the cycle, shorter only to try it out")
    arguments = parser.parse_args()
    train(arguments.data, arguments.out, arguments.steps, arguments.init)
