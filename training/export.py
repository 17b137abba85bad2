"""Turn four checkpoints into the model pack: `python -m training.export --checkpoints DIR --out PACK`.

Batch norms after linear layers are folded, weights are stored as float16 with a Cast in front (ONNX Runtime folds it at
load time and computes in float32), and every file is compared with its torch net before anything is replaced.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from personalab_core.simulation import RENDERER_VERSION, Scene, render, sample_identity, sample_style
from training.cascade import Cascade
from training.nets import STRIDES, Detector, Landmarker, Recogniser, Refiner
from training.render_set import PEOPLE, SHOTS
from training.schedule import load_weights, to_input

PACK_NAME = "simface"
MIN_HALF_SIZE = 64
"""Smaller tensors (biases, scalars) stay float32: they are cheap and sensitive."""
MAX_DIFFERENCE = 0.03
OPSET = 17
SCORE_SHIFT = 1.5
"""Taken off the refiner's logits, so that InsightFace's fixed threshold of .5 lies between faces and hard negatives.

Chosen on people outside training and test: of 450 faces none had a logit below 3, of 200 upside-down and 400 turned
heads none one above 0. Between them lie profiles.
"""

DETECTOR_OUTPUTS = [f"{kind}_{stride}" for kind in ("score", "bbox", "kps") for stride in STRIDES]


def fold_linear(linear: nn.Linear, norm: nn.BatchNorm1d) -> nn.Linear:
    """One linear layer that does what a linear layer and a batch norm in evaluation mode do."""
    if norm.running_mean is None or norm.running_var is None:
        raise ValueError("the batch norm keeps no statistics; it cannot be folded")
    gain = norm.weight.data / torch.sqrt(norm.running_var + norm.eps)
    folded = nn.Linear(linear.in_features, linear.out_features)
    folded.weight.data = linear.weight.data * gain[:, None]
    folded.bias.data = norm.bias.data - norm.running_mean * gain
    return folded


class FoldedRecogniser(nn.Module):
    """The recogniser as it is shipped: two plain linear layers after the convolutions."""

    def __init__(self, net: Recogniser) -> None:
        super().__init__()
        self.body = net.body
        self.hidden = fold_linear(net.hidden, net.hidden_norm)
        self.embed = fold_linear(net.embed, net.embed_norm)

    def forward(self, x: Tensor) -> Tensor:
        """Embed (n, 3, 112, 112)."""
        return self.embed(self.hidden(torch.flatten(self.body(x), 1)))


def shorten_names(model: onnx.ModelProto) -> None:
    """Give inner values short names: the exporter's take 40 kB in the detector alone."""
    graph = model.graph
    names = {value.name: value.name for value in (*graph.input, *graph.output)} | {"": ""}
    for tensor in graph.initializer:
        tensor.name = names.setdefault(tensor.name, f"{len(names):x}")
    for node in graph.node:
        node.name = ""
        for values in (node.input, node.output):
            values[:] = [names.setdefault(value, f"{len(names):x}") for value in values]
    del graph.value_info[:]


def store_half(path: Path) -> None:
    """Rewrite a model's larger weights as float16 plus Cast nodes.

    The Cast nodes come first on purpose: InsightFace takes a model whose first nodes are named Sub and Mul to be
    normalising its input itself.
    """
    model = onnx.load(path)
    graph = model.graph
    casts = []
    for tensor in list(graph.initializer):
        if tensor.data_type != onnx.TensorProto.FLOAT or int(np.prod(tensor.dims)) < MIN_HALF_SIZE or not tensor.dims:
            continue
        values = numpy_helper.to_array(tensor).astype(np.float16)
        if not np.isfinite(values).all():
            raise ValueError(f"{path.name}: {tensor.name} does not fit into float16")
        graph.initializer.remove(tensor)
        graph.initializer.append(numpy_helper.from_array(values, f"{tensor.name}_half"))
        casts.append(
            onnx.helper.make_node("Cast", [f"{tensor.name}_half"], [tensor.name], to=1, name=f"cast_{len(casts)}")
        )
    nodes = list(graph.node)
    del graph.node[:]
    graph.node.extend([*casts, *nodes])
    shorten_names(model)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def portrait_input() -> Tensor:
    """A face as the detector gets it: noise would leave nothing to compare but zeros."""
    person = sample_identity(0)
    drawn = render(person, sample_style(person, 0), Scene(), width=256, height=320).image
    canvas = np.zeros((320, 320, 3), np.uint8)
    canvas[:, :256] = drawn
    return to_input([canvas], 128.0).contiguous()


def noise_input(size: int) -> Tensor:
    """Something for a net of fixed size to answer to."""
    return torch.from_numpy(np.random.default_rng(0).uniform(-1, 1, (1, 3, size, size)).astype(np.float32))


def export_net(net: nn.Module, path: Path, x: Tensor, outputs: list[str], axes: dict[str, dict[int, str]]) -> None:
    """Write one net and check it against torch on one input.

    Raises:
        ValueError: ONNX Runtime's answer differs by more than half precision explains.
    """
    net = net.eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the TorchScript exporter is deprecated, but needs no further package
        torch.onnx.export(
            net, (x,), str(path), dynamo=False, opset_version=OPSET, input_names=["input.1"], output_names=outputs,
            dynamic_axes=axes,
        )  # fmt: skip
    store_half(path)
    with torch.no_grad():
        expected = net(x)
    expected = expected if isinstance(expected, tuple) else (expected,)
    actual = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, {"input.1": x.numpy()})
    difference = max(float(np.abs(e.numpy() - a).max()) for e, a in zip(expected, actual, strict=True))
    if difference > MAX_DIFFERENCE:
        raise ValueError(f"{path.name}: ONNX and torch differ by {difference:.4f}, expected at most {MAX_DIFFERENCE}")
    print(f"{path.name}: {path.stat().st_size / 1e6:.3f} MB, largest difference {difference:.5f}", flush=True)


def export_pack(checkpoints: Path, out: Path) -> dict[str, Any]:
    """Export the nets into `out` and return what `MODEL.json` says."""
    detector, refiner, landmarker, recogniser = Detector(), Refiner(), Landmarker(), Recogniser()
    runs = {
        "detector": load_weights(detector, checkpoints / "detector.pt"),
        "refiner": load_weights(refiner, checkpoints / "refiner.pt"),
        "landmarks": load_weights(landmarker, checkpoints / "landmarks.pt"),
        "recogniser": load_weights(recogniser, checkpoints / "recogniser.pt"),
    }
    cascade = Cascade(detector, refiner, score_shift=SCORE_SHIFT)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out) as scratch:
        folder = Path(scratch)
        rows = {output: {0: "anchors"} for output in DETECTOR_OUTPUTS}
        export_net(
            cascade,
            folder / "det_sim.onnx",
            portrait_input(),
            DETECTOR_OUTPUTS,
            {"input.1": {2: "height", 3: "width"}, **rows},
        )
        batch = {"input.1": {0: "n"}}
        export_net(landmarker, folder / "lmk106_sim.onnx", noise_input(192), ["fc1"], {**batch, "fc1": {0: "n"}})
        export_net(
            FoldedRecogniser(recogniser), folder / "rec_sim.onnx", noise_input(112), ["emb"], {**batch, "emb": {0: "n"}}
        )
        for path in sorted(folder.glob("*.onnx")):
            path.replace(out / path.name)
    description = {
        "name": PACK_NAME,
        "renderer_version": RENDERER_VERSION,
        "license": "MIT",
        "scope": "simulated portraits only; worthless on photographs",
        "render_set": {"people": PEOPLE, "pictures": PEOPLE * SHOTS},
        "training": runs,
        "sha256": {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(out.glob("*.onnx"))},
    }
    temporary = out / "MODEL.json.partial"
    temporary.write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
    temporary.replace(out / "MODEL.json")
    return description


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoints", type=Path, required=True, help="folder with the four .pt files")
    parser.add_argument("--out", type=Path, required=True, help="the model pack's folder")
    arguments = parser.parse_args()
    export_pack(arguments.checkpoints, arguments.out)


if __name__ == "__main__":
    main()
