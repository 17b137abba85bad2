"""Writes a face pack with the shapes of InsightFace's ``buffalo_l`` and random weights.

Speed depends on shapes, not on weights, so the real pack (whose licence forbids shipping it) is not needed
to measure it. Architectures and sizes: SCRFD-10G with key points, IResNet50, MobileNet-0.5 (106 points),
ResNet50 (3D points) and MobileNet-0.25 (age). The detector always reports one face in the middle.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from personalab_core.simulation import Scene, render, sample_identity, sample_style

OPSET = 17


class Graph:
    """Builds one ONNX model; every method appends nodes and returns the name of its result."""

    def __init__(self, seed: int) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.channels: dict[str, int] = {}
        self._rng = np.random.default_rng(seed)
        self._n = 0

    def constant(self, value: np.ndarray) -> str:
        """Store a weight."""
        self._n += 1
        self.weights.append(numpy_helper.from_array(value, f"w{self._n}"))
        return f"w{self._n}"

    def op(self, kind: str, inputs: Sequence[str], *, channels: int = 0, **attributes: object) -> str:
        """Append a node."""
        self._n += 1
        out = f"t{self._n}"
        self.nodes.append(helper.make_node(kind, list(inputs), [out], name=f"node{self._n}", **attributes))
        self.channels[out] = channels
        return out

    def conv(
        self,
        x: str,
        out: int,
        kernel: int = 3,
        stride: int = 1,
        *,
        groups: int = 1,
        gain: float = 1.4,
        bias: float = 0.0,
    ) -> str:
        """Convolution with folded normalisation; the gain keeps activations in range."""
        fan_in = self.channels[x] // groups
        shape = (out, fan_in, kernel, kernel)
        scale = gain / np.sqrt(fan_in * kernel * kernel)
        weight = self.constant(self._rng.standard_normal(shape, dtype=np.float32) * np.float32(scale))
        offset = self.constant(np.full(out, bias, np.float32))
        sides = {"pads": [kernel // 2] * 4, "strides": [stride] * 2, "kernel_shape": [kernel] * 2}
        return self.op("Conv", [x, weight, offset], channels=out, group=groups, **sides)

    def norm(self, x: str) -> str:
        """Batch normalisation that changes nothing."""
        n = self.channels[x]
        ones, zeros = np.ones(n, np.float32), np.zeros(n, np.float32)
        parts = [self.constant(value) for value in (ones, zeros, zeros, ones)]
        return self.op("BatchNormalization", [x, *parts], channels=n)

    def relu(self, x: str) -> str:
        """Rectifier."""
        return self.op("Relu", [x], channels=self.channels[x])

    def prelu(self, x: str) -> str:
        """Rectifier with a slope below zero."""
        slope = self.constant(np.full((self.channels[x], 1, 1), 0.25, np.float32))
        return self.op("PRelu", [x, slope], channels=self.channels[x])

    def add(self, x: str, y: str) -> str:
        """Sum."""
        return self.op("Add", [x, y], channels=self.channels[x])

    def separable(self, x: str, out: int, stride: int = 1) -> str:
        """Depthwise and pointwise convolution, each rectified."""
        x = self.relu(self.conv(x, self.channels[x], 3, stride, groups=self.channels[x]))
        return self.relu(self.conv(x, out, 1))

    def dense(self, x: str, features: int, out: int, *, gain: float = 1.0, bias: np.ndarray | None = None) -> str:
        """Fully connected layer over everything."""
        weight = self._rng.standard_normal((out, features), dtype=np.float32) * np.float32(gain / np.sqrt(features))
        offset = self.constant(np.zeros(out, np.float32) if bias is None else bias.astype(np.float32))
        return self.op("Gemm", [self.op("Flatten", [x]), self.constant(weight), offset], transB=1)

    def save(self, path: Path, shape: Sequence[int | str], outputs: dict[str, Sequence[int | str]]) -> None:
        """Write the model; ``outputs`` maps result names to their shapes."""
        graph = helper.make_graph(
            self.nodes,
            path.stem,
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, size) for name, size in outputs.items()],
            self.weights,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
        onnx.save(model, str(path))

    def source(self) -> str:
        """The input picture."""
        self.channels["x"] = 3
        return "x"


def write_pack(folder: Path) -> Path:
    """Write the five models, about 340 MB, into a folder, made if need be, and return it.

    The landmark model always reports a face seen from the front: from noise the head would seem turned away, and
    `FaceRuntime` would not recognise it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _detector(folder / "det_10g.onnx")
    _recogniser(folder / "w600k_r50.onnx")
    _mobilenet(folder / "2d106det.onnx", size=192, width=0.5, outputs=212, bias=frontal_landmarks().ravel())
    _resnet50(folder / "1k3d68.onnx")
    _mobilenet(folder / "genderage.onnx", size=96, width=0.25, outputs=3)
    return folder


def frontal_landmarks() -> np.ndarray:
    """106 points of a face seen from the front, (106, 2) in [-1, 1] of the landmark model's input."""
    person = sample_identity(1)
    face = render(person, sample_style(person, 1), Scene(), width=480, height=600).faces[0]
    corners = np.reshape(face.box, (2, 2))
    return np.asarray((face.points106 - corners.mean(axis=0)) / (0.75 * np.ptp(corners, axis=0).max()))


def _recogniser(path: Path) -> None:
    g = Graph(1)
    x = g.prelu(g.conv(g.source(), 64))
    for blocks, width in zip((3, 4, 14, 3), (64, 128, 256, 512), strict=True):
        for block in range(blocks):
            stride = 2 if block == 0 else 1
            y = g.conv(g.prelu(g.conv(g.norm(x), width)), width, 3, stride, gain=0.3)
            short = x if stride == 1 and g.channels[x] == width else g.conv(x, width, 1, stride, gain=1.0)
            x = g.add(y, short)
    out = g.dense(g.norm(x), 512 * 49, 512)
    g.save(path, ("n", 3, 112, 112), {out: ("n", 512)})


def _mobilenet(path: Path, *, size: int, width: float, outputs: int, bias: np.ndarray | None = None) -> None:
    def scaled(channels: int) -> int:
        return max(8, int(channels * width))

    g = Graph(2)
    x = g.relu(g.conv(g.source(), scaled(32), 3, 2))
    plan = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
    for channels, stride in plan:
        x = g.separable(x, scaled(channels), stride)
    x = g.relu(g.conv(x, 64, 3, 2))
    side = -(-size // 64)
    out = g.dense(x, 64 * side * side, outputs, gain=0.02 if bias is None else 1e-4, bias=bias)
    g.save(path, ("n", 3, size, size), {out: ("n", outputs)})


def _resnet50(path: Path) -> None:
    g = Graph(3)
    x = g.relu(g.conv(g.source(), 64, 7, 2))
    x = g.op("MaxPool", [x], channels=64, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    for stage, (blocks, middle) in enumerate(zip((3, 4, 6, 3), (64, 128, 256, 512), strict=True)):
        for block in range(blocks):
            stride = 2 if block == 0 and stage > 0 else 1
            y = g.relu(g.conv(g.relu(g.conv(x, middle, 1)), middle, 3, stride))
            y = g.conv(y, middle * 4, 1, gain=0.3)
            short = x if stride == 1 and g.channels[x] == middle * 4 else g.conv(x, middle * 4, 1, stride, gain=1.0)
            x = g.relu(g.add(y, short))
    x = g.op("GlobalAveragePool", [x], channels=2048)
    out = g.dense(x, 2048, 3309, gain=0.1)
    g.save(path, ("n", 3, 192, 192), {out: ("n", 3309)})


def _detector(path: Path) -> None:
    g = Graph(4)
    x = g.relu(g.conv(g.source(), 28, 3, 2))
    x = g.relu(g.conv(g.relu(g.conv(x, 28)), 56))
    x = g.op("MaxPool", [x], channels=56, kernel_shape=[2, 2], strides=[2, 2])
    levels = []
    for stage, (blocks, width) in enumerate(zip((3, 4, 2, 3), (56, 88, 88, 224), strict=True)):
        for block in range(blocks):
            x = _basic_block(g, x, width, 2 if block == 0 and stage > 0 else 1)
        levels.append(x)
    results = [_head(g, feature, last=i == 2) for i, feature in enumerate(_pyramid(g, levels[1:]))]
    outputs = {level[kind]: ("k", size) for kind, size in enumerate((1, 4, 10)) for level in results}
    g.save(path, (1, 3, "h", "w"), outputs)


def _basic_block(g: Graph, x: str, width: int, stride: int) -> str:
    y = g.conv(g.relu(g.conv(x, width, 3, stride)), width, gain=0.3)
    if stride == 1 and g.channels[x] == width:
        return g.relu(g.add(y, x))
    if stride == 2:
        x = g.op("AveragePool", [x], channels=g.channels[x], kernel_shape=[2, 2], strides=[2, 2])
    return g.relu(g.add(y, g.conv(x, width, 1, gain=1.0)))


def _pyramid(g: Graph, levels: Sequence[str], neck: int = 56) -> list[str]:
    lateral = [g.conv(level, neck, 1) for level in levels]
    for i in (2, 1):
        scales = g.constant(np.array([1, 1, 2, 2], np.float32))
        upper = g.op("Resize", [lateral[i], "", scales], channels=neck, mode="nearest")
        lateral[i - 1] = g.add(lateral[i - 1], upper)
    out = [g.conv(level, neck) for level in lateral]
    for i in (0, 1):
        out[i + 1] = g.add(out[i + 1], g.conv(out[i], neck, 3, 2))
    return [out[0], g.conv(out[1], neck), g.conv(out[2], neck)]


def _head(g: Graph, x: str, *, last: bool) -> tuple[str, str, str]:
    """Return scores, boxes and key points of one level; the last one sees the face in the middle."""
    feature = x
    for _ in range(3):
        x = g.relu(g.conv(x, 80))
    score = g.op("Sigmoid", [_rows(g, g.conv(x, 2, gain=1e-4, bias=-8.0), 1)])
    box, points = _rows(g, g.conv(x, 8, gain=1e-4), 4), _rows(g, g.conv(x, 20, gain=1e-4), 10)
    if not last:
        return score, box, points
    rows, columns = (_size(g, feature, axis) for axis in (2, 3))
    two = g.constant(np.array([2], np.int64))
    middle = g.op("Add", [g.op("Mul", [g.op("Div", [rows, two]), columns]), g.op("Div", [columns, two])])
    where = g.op("Reshape", [g.op("Mul", [middle, two]), g.constant(np.array([1, 1], np.int64))])
    score = g.op("ScatterElements", [score, where, g.constant(np.array([[0.9]], np.float32))], axis=0)
    width = g.op("Cast", [columns], to=TensorProto.FLOAT)
    # Distances from the middle in grid widths: a face of 44 % of the picture's width.
    sides = g.constant(np.array([[0.22, 0.28, 0.22, 0.28]], np.float32))
    marks = g.constant(np.array([[-0.088, -0.08, 0.088, -0.08, 0, 0.02, -0.07, 0.12, 0.07, 0.12]], np.float32))
    box = g.op("Add", [box, g.op("Mul", [sides, width])])
    return score, box, g.op("Add", [points, g.op("Mul", [marks, width])])


def _rows(g: Graph, x: str, size: int) -> str:
    flat = g.op("Transpose", [x], perm=[0, 2, 3, 1])
    return g.op("Reshape", [flat, g.constant(np.array([-1, size], np.int64))])


def _size(g: Graph, x: str, axis: int) -> str:
    return g.op("Gather", [g.op("Shape", [x]), g.constant(np.array([axis], np.int64))], axis=0)
