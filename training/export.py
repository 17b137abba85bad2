"""Turn three checkpoints into the model pack: `python -m training.export --checkpoints DIR --out PACK`.

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

from personalab_core.simulation import RENDERER_VERSION
from training.nets import STRIDES, Detector, Landmarker, Recogniser
from training.render_set import PEOPLE, SHOTS
from training.schedule import load_weights

PACK_NAME = "simface"
MIN_HALF_SIZE = 64
"""Smaller tensors (biases, scalars) stay float32: they are cheap and sensitive."""
MAX_DIFFERENCE = 0.03
OPSET = 17
SCORE_SHIFT = 0.6
"""Taken off the detector's logits, so that InsightFace's fixed threshold of .5 lies between faces and hard negatives.

Chosen on training people that the detector did not see (numbers 700 to 1199): of their faces none scored below a logit
of 1.1, of their upside-down and turned heads one in a hundred above .6.
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
    onnx.checker.check_model(model)
    onnx.save(model, path)


def export_net(net: nn.Module, path: Path, size: int, outputs: list[str], axes: dict[str, dict[int, str]]) -> None:
    """Write one net and check it against torch.

    Raises:
        ValueError: ONNX Runtime's answer differs by more than half precision explains.
    """
    net = net.eval()
    x = torch.from_numpy(np.random.default_rng(0).uniform(-1, 1, (1, 3, size, size)).astype(np.float32))
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
    """Export the three nets into `out` and return what `MODEL.json` says."""
    detector, landmarker, recogniser = Detector(), Landmarker(), Recogniser()
    runs = {
        "detector": load_weights(detector, checkpoints / "detector.pt"),
        "landmarks": load_weights(landmarker, checkpoints / "landmarks.pt"),
        "recogniser": load_weights(recogniser, checkpoints / "recogniser.pt"),
    }
    for head in detector.heads:
        head.score.bias.data -= SCORE_SHIFT
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out) as scratch:
        folder = Path(scratch)
        rows = {output: {0: "anchors"} for output in DETECTOR_OUTPUTS}
        export_net(
            detector, folder / "det_sim.onnx", 320, DETECTOR_OUTPUTS, {"input.1": {2: "height", 3: "width"}, **rows}
        )
        batch = {"input.1": {0: "n"}}
        export_net(landmarker, folder / "lmk106_sim.onnx", 192, ["fc1"], {**batch, "fc1": {0: "n"}})
        export_net(FoldedRecogniser(recogniser), folder / "rec_sim.onnx", 112, ["emb"], {**batch, "emb": {0: "n"}})
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
    parser.add_argument("--checkpoints", type=Path, required=True, help="folder with the three .pt files")
    parser.add_argument("--out", type=Path, required=True, help="the model pack's folder")
    arguments = parser.parse_args()
    export_pack(arguments.checkpoints, arguments.out)


if __name__ == "__main__":
    main()
