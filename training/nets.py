"""The three networks: ReLU only and channels mostly in multiples of 16, which ONNX Runtime likes on CPUs."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

STRIDES = (8, 16, 32)
ANCHOR_SIZES_PX = ((16, 28), (48, 84), (144, 256))
"""Face sizes (longer box side) the two anchors of each stride stand for."""


def conv(
    inputs: int, outputs: int, kernel: int = 3, stride: int = 1, *, groups: int = 1, relu: bool = True
) -> nn.Sequential:
    """Convolution, batch norm, ReLU."""
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False, groups=groups),
        nn.BatchNorm2d(outputs),
    ]
    if relu:
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


def separable(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """Depthwise 3 x 3 followed by pointwise."""
    return nn.Sequential(conv(inputs, inputs, 3, stride, groups=inputs), conv(inputs, outputs, 1))


class SeparableResidual(nn.Module):
    """Residual block of one depthwise and one pointwise convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = conv(channels, channels, 3, groups=channels)
        self.pointwise = conv(channels, channels, 1, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape as x."""
        return F.relu(x + self.pointwise(self.depthwise(x)))


class Residual(nn.Module):
    """Residual block of two plain 3 x 3 convolutions (on CPUs much faster per operation than depthwise ones)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = conv(channels, channels)
        self.second = conv(channels, channels, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape as x."""
        return F.relu(x + self.second(self.first(x)))


class DetectorHead(nn.Module):
    """Score, box and key points of two anchors per cell."""

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        self.tower = nn.Sequential(separable(inputs, channels), separable(channels, channels))
        self.score = nn.Conv2d(channels, 2, 1)
        self.box = nn.Conv2d(channels, 8, 1)
        self.points = nn.Conv2d(channels, 20, 1)
        for layer in (self.score, self.box, self.points):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)
        nn.init.constant_(self.score.bias, -4.6)  # a prior of 1 %: almost all cells are background

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Rows ordered image, cell row, cell column, anchor: (n, 1), (n, 2, 4), (n, 2, 10) halved over anchors."""
        x = self.tower(x)
        return (*self._answers(x), self.points(x).permute(0, 2, 3, 1).reshape(-1, 2, 10))

    def find(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """`forward` without the key points."""
        return self._answers(self.tower(x))

    def _answers(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return (
            self.score(x).permute(0, 2, 3, 1).reshape(-1, 1),
            self.box(x).permute(0, 2, 3, 1).reshape(-1, 2, 4),
        )


class Detector(nn.Module):
    """SCRFD-shaped detector: strides 8, 16, 32, two anchors per cell.

    Nine outputs: scores, boxes, key points for each stride. Boxes are distances to the four sides and key points
    offsets, both in units of the stride (what InsightFace's SCRFD decoder expects). Scores are logits in training
    mode and probabilities in evaluation mode.
    """

    def __init__(self, stem: int = 16, planes: tuple[int, ...] = (32, 64, 80), neck: int = 48, head: int = 48) -> None:
        super().__init__()
        first, second, third = planes
        self.stem = nn.Sequential(conv(3, stem, 3, 2), separable(stem, stem, 2))
        # Fine maps are separable because they are large; plain convolutions are affordable on the coarsest.
        self.stages = nn.ModuleList(
            (
                nn.Sequential(conv(stem, first, 3, 2), SeparableResidual(first)),
                nn.Sequential(conv(first, second, 3, 2), SeparableResidual(second)),
                nn.Sequential(conv(second, third, 3, 2), Residual(third)),
            )
        )
        self.lateral = nn.ModuleList(nn.Conv2d(c, neck, 1) for c in planes)
        self.smooth = nn.ModuleList(separable(neck, neck) for _ in STRIDES)
        self.down = nn.ModuleList(separable(neck, neck, 2) for _ in STRIDES[1:])
        self.heads = nn.ModuleList(DetectorHead(neck, head) for _ in STRIDES)
        for level, (stride, sizes) in enumerate(zip(STRIDES, ANCHOR_SIZES_PX, strict=True)):
            self.register_buffer(f"half_size_{level}", torch.tensor(sizes).view(1, 2, 1) / (2.0 * stride))

    def pyramid(self, x: Tensor) -> list[Tensor]:
        """Feature maps at strides 8, 16, 32, mixed top-down and bottom-up."""
        x = self.stem(x)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        c8, c16, c32 = (lateral(m) for lateral, m in zip(self.lateral, maps, strict=True))
        c16 = c16 + F.interpolate(c32, scale_factor=2.0, mode="nearest")
        c8 = c8 + F.interpolate(c16, scale_factor=2.0, mode="nearest")
        p8 = self.smooth[0](c8)
        p16 = self.smooth[1](c16) + self.down[0](p8)
        return [p8, p16, self.smooth[2](c32) + self.down[1](p16)]

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Detect on (n, 3, height, width) RGB in [-1, 1]; height and width multiples of 32."""
        scores, boxes, points = [], [], []
        for level, (features, head) in enumerate(zip(self.pyramid(x), self.heads, strict=True)):
            half_size = getattr(self, f"half_size_{level}")
            score, box, point = head(features)
            scores.append(score if self.training else torch.sigmoid(score))
            boxes.append((half_size * torch.exp(box.clamp(-3, 3))).reshape(-1, 4))
            points.append((half_size * point).reshape(-1, 10))
        return (*scores, *boxes, *points)


class Refiner(nn.Module):
    """The detector's second look at a face it found: output (n, 15) for 80 x 80 crops.

    Column 0 is the logit of "an upright face", 1-4 the box and 5-14 the five points, all x and y alternating,
    (p + 1) * 40 are pixels of the crop.
    """

    def __init__(self, channels: tuple[int, ...] = (16, 24, 40), mid: int = 20) -> None:
        super().__init__()
        first, second, third = channels
        self.body = nn.Sequential(
            conv(3, first, 5, 2),
            conv(first, second, 3, 2),
            Residual(second),
            conv(second, third, 3, 2),
            Residual(third),
            conv(third, mid, 1),
        )
        self.answer = nn.Linear(mid * 100, 15)
        nn.init.normal_(self.answer.weight, std=1e-2 / (mid * 100) ** 0.5)
        nn.init.zeros_(self.answer.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Look at (n, 3, 80, 80) RGB crops in [-1, 1]."""
        return self.answer(torch.flatten(self.body(x), 1))


class Landmarker(nn.Module):
    """106 points of a 192 x 192 face crop: output (n, 212), x and y alternating, (p + 1) * 96 are pixels."""

    def __init__(
        self,
        channels: tuple[int, ...] = (16, 16, 32, 64, 80),
        blocks: tuple[int, ...] = (0, 0, 1, 2, 2),
        mid: int = 24,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [conv(3, channels[0], 5, 2)]
        for i, o, n in zip(channels[:-1], channels[1:], blocks[1:], strict=True):
            layers += [conv(i, o, 3, 2), *(Residual(o) for _ in range(n))]
        self.body = nn.Sequential(*layers, conv(channels[-1], mid, 1))
        self.points = nn.Linear(mid * 36, 212)
        nn.init.normal_(self.points.weight, std=1e-2 / (mid * 36) ** 0.5)
        nn.init.zeros_(self.points.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Locate the points of (n, 3, 192, 192) RGB crops in [-1, 1]."""
        return self.points(torch.flatten(self.body(x), 1))


class Recogniser(nn.Module):
    """512-d embedding of an aligned 112 x 112 face; not normalised."""

    def __init__(
        self,
        channels: tuple[int, ...] = (16, 32, 64, 112),
        blocks: tuple[int, ...] = (0, 1, 2, 1),
        mid: int = 24,
        hidden: int = 256,
        size: int = 512,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [conv(3, channels[0], 5, 2)]
        for i, o, n in zip(channels[:-1], channels[1:], blocks[1:], strict=True):
            layers += [conv(i, o, 3, 2), *(Residual(o) for _ in range(n))]
        self.body = nn.Sequential(*layers, conv(channels[-1], mid, 1))
        self.hidden = nn.Linear(mid * 49, hidden, bias=False)
        self.hidden_norm = nn.BatchNorm1d(hidden)
        self.embed = nn.Linear(hidden, size, bias=False)
        self.embed_norm = nn.BatchNorm1d(size)

    def features(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The hidden layer (for the parameter regression) and the embedding."""
        hidden = self.hidden_norm(self.hidden(torch.flatten(self.body(x), 1)))
        return hidden, self.embed_norm(self.embed(hidden))

    def forward(self, x: Tensor) -> Tensor:
        """Embed (n, 3, 112, 112) RGB crops in [-1, 1]."""
        return self.features(x)[1]
