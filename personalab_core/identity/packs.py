"""Where face model packs are, what is in them and under which licence.

A pack is a folder of ONNX files that InsightFace routes by their shapes. It is checked here
before InsightFace is called, which trusts any folder and downloads on its own otherwise.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from personalab_core.config.resources import data_path
from personalab_core.errors import ModelPackError

BUNDLED_PACK = "simface"
DEFAULT_PACK = "buffalo_l"
DEFAULT_ROOT = Path("~/.insightface")

# Models of InsightFace's packs that measure nothing needed here; loading them costs most of the memory.
_UNWANTED = frozenset({"1k3d68.onnx", "genderage.onnx"})
_EXPECTED = {
    BUNDLED_PACK: ("det_sim.onnx", "lmk106_sim.onnx", "rec_sim.onnx"),
    DEFAULT_PACK: ("2d106det.onnx", "det_10g.onnx", "w600k_r50.onnx"),
}
_INSIGHTFACE_PACKS = frozenset({"buffalo_l", "buffalo_m", "buffalo_s", "buffalo_sc", "antelopev2"})


@dataclass(frozen=True, slots=True)
class ModelPack:
    """A checked pack.

    Attributes:
        name: Such as ``buffalo_l``; the folder's name for a pack given by path.
        folder: Where it is.
        files: The model files to load, sorted by name.
        licence: Terms of the weights in one sentence.
        simulated_only: True if it measures simulated portraits only.
    """

    name: str
    folder: Path
    files: tuple[Path, ...]
    licence: str
    simulated_only: bool = False

    def hash(self) -> str:
        """Return the first 16 hex digits of a SHA-256 over names and contents of the files."""
        digest = hashlib.sha256()
        for file in self.files:
            with file.open("rb") as stream:
                digest.update(file.name.encode() + b"\0" + hashlib.file_digest(stream, "sha256").digest())
        return digest.hexdigest()[:16]


def pack_folder(pack: str | Path, root: str | Path | None = None) -> Path:
    """Return the folder a pack name or path stands for; it is not checked to exist.

    ``simface`` is the bundled pack, a value with a path separator is a folder, any other name
    is a folder in ``<root>/models`` (root ``~/.insightface``).
    """
    if isinstance(pack, Path) or "/" in pack or "\\" in pack:
        return Path(pack).expanduser()
    if pack == BUNDLED_PACK:
        return data_path("models", BUNDLED_PACK)
    return Path(root or DEFAULT_ROOT).expanduser() / "models" / pack


def find_pack(pack: str | Path = DEFAULT_PACK, *, root: str | Path | None = None) -> ModelPack:
    """Return the pack, checked to be there and complete.

    Raises:
        ModelPackError: It is absent, incomplete or holds empty files.
    """
    folder = pack_folder(pack, root)
    name = folder.name
    if not folder.is_dir():
        raise ModelPackError(_absent(name, folder))
    files = tuple(sorted(f for f in folder.glob("*.onnx") if f.name not in _UNWANTED))
    _check_complete(name, folder, files)
    return ModelPack(name, folder, files, pack_licence(name), simulated_only=name == BUNDLED_PACK)


def pack_licence(name: str) -> str:
    """Return the terms under which a pack's weights may be used, in one sentence."""
    if name == BUNDLED_PACK:
        return "MIT, trained by this project on its own simulated portraits; worthless on photographs."
    if name in _INSIGHTFACE_PACKS:
        return "InsightFace pretrained models: non-commercial research use only, unless licensed from insightface.ai."
    return "Unknown: see the terms of whoever made this pack."


def _check_complete(name: str, folder: Path, files: Sequence[Path]) -> None:
    present = {file.name for file in files}
    missing = [expected for expected in _EXPECTED.get(name, ()) if expected not in present]
    if missing:
        raise ModelPackError(
            f"The face model pack '{name}' in {folder} is incomplete: {', '.join(missing)} missing. "
            "Delete the folder and get the pack again."
        )
    if len(files) < 2:
        raise ModelPackError(
            f"{folder} is not a face model pack: it needs at least a detector and a recogniser (*.onnx), "
            f"found {len(files)} model file{'' if len(files) == 1 else 's'}."
        )
    empty = [file.name for file in files if file.stat().st_size == 0]
    if empty:
        raise ModelPackError(
            f"The face model pack '{name}' in {folder} is damaged: {', '.join(empty)} is empty. "
            "Delete the folder and get the pack again."
        )


def _absent(name: str, folder: Path) -> str:
    if name == DEFAULT_PACK:
        return (
            f"The face model pack '{name}' is not in {folder}. Its download (about 280 MB; {pack_licence(name)}) "
            f"has to be allowed, or set evaluation.embedding.model_name to a pack you have; '{BUNDLED_PACK}' is "
            "bundled but measures simulated portraits only."
        )
    return f"There is no face model pack '{name}': {folder} does not exist."
