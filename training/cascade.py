"""Detector and refiner in one graph: candidates are thinned out, cut from the detector's own input and looked at again.

The nine outputs stay those of an SCRFD. Anchors that are not the best of a face answer with a score of zero; the best
one carries the refiner's score, box and points.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.onnx.operators import shape_as_tensor

from training.nets import STRIDES, Detector, Refiner
from training.train_refiner import CROP_GROW, CROP_PX

CANDIDATE_SCORE = 0.5
"""What the first look must give a candidate for a second one."""
SAME_FACE_IOU = 0.4
"""As in InsightFace's own suppression."""
MAX_CANDIDATES = 16


class Candidates(NamedTuple):
    """Anchors that may answer for a face: row among all anchors, probability, box in pixels, centre, stride."""

    row: Tensor
    score: Tensor
    box: Tensor
    centre: Tensor
    stride: Tensor


class Suppression(torch.autograd.Function):
    """Greedy suppression of overlapping boxes; ONNX's NonMaxSuppression, here in torch for the comparison."""

    @staticmethod
    def forward(_: Any, boxes: Tensor, scores: Tensor) -> Tensor:
        """Numbers of the boxes kept, best first: (m,) int64 from (n, 4) corners and (n,) scores."""
        kept: list[int] = []
        for i in torch.argsort(scores, descending=True).tolist():
            if len(kept) < MAX_CANDIDATES and all(_overlap(boxes[i], boxes[k]) <= SAME_FACE_IOU for k in kept):
                kept.append(i)
        return torch.tensor(kept, dtype=torch.int64)

    @staticmethod
    def symbolic(g: Any, boxes: Any, scores: Any) -> Any:
        """The ONNX operators."""

        def constant(value: object) -> Any:
            return g.op("Constant", value_t=torch.tensor(value))

        rows = g.op(
            "NonMaxSuppression",
            g.op("Unsqueeze", boxes, constant([0])),
            g.op("Unsqueeze", scores, constant([0, 1])),
            constant([MAX_CANDIDATES]),
            constant([SAME_FACE_IOU]),
        )
        return g.op("Gather", rows, constant(2), axis_i=1)


def _overlap(a: Tensor, b: Tensor) -> float:
    width = max(0.0, float(torch.minimum(a[2], b[2]) - torch.maximum(a[0], b[0])))
    height = max(0.0, float(torch.minimum(a[3], b[3]) - torch.maximum(a[1], b[1])))
    both = width * height
    area = float((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]))
    return both / (area - both)


class Cascade(nn.Module):
    """What `det_sim.onnx` is: one picture in, nine outputs as an SCRFD gives them.

    Args:
        detector: Finds candidates; its key points are not used.
        refiner: Looks at each candidate again.
        score_shift: Taken off the refiner's logits.
    """

    def __init__(self, detector: Detector, refiner: Refiner, *, score_shift: float) -> None:
        super().__init__()
        self.detector, self.refiner, self.score_shift = detector, refiner, score_shift

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Detect on one picture (1, 3, height, width), RGB in [-1, 1], height and width multiples of 32."""
        found, sizes = self._candidates(x)
        best = Suppression.apply(found.box, found.score)
        found = Candidates(*(part[best] for part in found))
        middle = (found.box[:, :2] + found.box[:, 2:]) / 2
        side = CROP_GROW * (found.box[:, 2:] - found.box[:, :2]).amax(1, keepdim=True)
        answer = self.refiner(cut_squares(x, middle, side))
        # Crop pixel (p + 1) * 40 lies (p / 2 + 1 / 160) sides from the middle of the square.
        placed = (answer[:, 1:] / 2 + 0.5 / CROP_PX) * side + middle.repeat(1, 7)
        score = torch.sigmoid(answer[:, :1] - self.score_shift)
        offsets = (placed - found.centre.repeat(1, 7)) / found.stride
        corners = torch.cat([-offsets[:, :2], offsets[:, 2:4]], 1)
        outputs = []
        for values in (score, corners, offsets[:, 4:]):
            rows = torch.zeros(sum(sizes), values.shape[1]).index_put((found.row,), values)
            outputs += [rows[: sizes[0]], rows[sizes[0] : sizes[0] + sizes[1]], rows[sizes[0] + sizes[1] :]]
        return tuple(outputs)

    def _candidates(self, x: Tensor) -> tuple[Candidates, list[int]]:
        """Every anchor above the threshold, and the numbers of anchors of the three levels."""
        detector = self.detector
        found = [head.find(level) for level, head in zip(detector.pyramid(x), detector.heads, strict=True)]  # type: ignore[operator]
        sizes = [logits.shape[0] for logits, _ in found]
        logits = torch.cat([logits[:, 0] for logits, _ in found])
        boxes = torch.cat([boxes.reshape(-1, 4) for _, boxes in found])
        row = torch.nonzero(logits > math.log(CANDIDATE_SCORE / (1 - CANDIDATE_SCORE)))[:, 0]
        beyond_first, beyond_second = (row >= sizes[0]).long(), (row >= sizes[0] + sizes[1]).long()
        level, number = beyond_first + beyond_second, row - beyond_first * sizes[0] - beyond_second * sizes[1]
        stride = torch.tensor([float(s) for s in STRIDES])[level]
        half_px = torch.cat([getattr(detector, f"half_size_{i}")[0] * s for i, s in enumerate(STRIDES)])
        cell = torch.div(number, 2, rounding_mode="trunc")
        columns = (x.shape[3] / stride).long()
        y = torch.div(cell, columns, rounding_mode="trunc")
        centre = torch.stack([cell - y * columns, y], 1).float() * stride[:, None]
        sides = half_px[2 * level + number - 2 * cell] * torch.exp(boxes[row].clamp(-3, 3))
        box = torch.cat([centre - sides[:, :2], centre + sides[:, 2:]], 1)
        return Candidates(row, torch.sigmoid(logits[row]), box, centre, stride[:, None]), sizes


def cut_squares(x: Tensor, middle: Tensor, side: Tensor) -> Tensor:
    """Crops (m, 3, 80, 80) of squares in a picture (1, 3, h, w), as two products with resampling matrices.

    Each pixel is the mean over the area it covers, bilinear where the crop is larger than its source. Much faster than
    ONNX Runtime's RoiAlign. Outside the picture lies zero.

    Args:
        x: The picture.
        middle: Pixel positions (m, 2) of the squares' middles, x and y.
        side: Their sides in pixels, (m, 1).
    """
    steps = (torch.arange(CROP_PX) - (CROP_PX - 1) / 2) / CROP_PX
    width = (side / CROP_PX).clamp(min=1.0)[:, :, None]

    def weights(centre: Tensor, length: int) -> Tensor:
        """(m, 80, length): how much each source pixel counts for each crop pixel."""
        position = (centre + steps * side)[:, :, None]
        away = (torch.arange(length).float() - position).abs()
        return ((width + 1) / 2 - away).clamp(0, 1) / width

    first, last = _reach(middle, side, x)
    x = x[:, :, first[1] : last[1], first[0] : last[0]]
    middle = middle - first.float()
    rows, columns = weights(middle[:, 1:], x.shape[2]), weights(middle[:, :1], x.shape[3])
    return torch.matmul(torch.matmul(rows[:, None], x), columns[:, None].transpose(2, 3))


def _reach(middle: Tensor, side: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """The part of the picture that any square touches: first pixel and the one after the last, each (2,), x and y.

    At least one pixel, also without any square.
    """
    size = shape_as_tensor(x)[2:].flip(0)[None]
    first = torch.cat([(middle - side / 2).long() - 2, size - 1]).amin(0).clamp(min=0)
    last = torch.cat([(middle + side / 2).long() + 3, first[None] + 1]).amax(0)
    return first, torch.minimum(last, size[0])
