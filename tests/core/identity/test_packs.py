"""Packs are found, checked and hashed before InsightFace sees them."""

from __future__ import annotations

from pathlib import Path

import pytest

from personalab_core.errors import ModelPackError
from personalab_core.identity.packs import find_pack, pack_folder, pack_licence

BUFFALO = ("1k3d68.onnx", "2d106det.onnx", "det_10g.onnx", "genderage.onnx", "w600k_r50.onnx")


def make_pack(folder: Path, names: tuple[str, ...], content: bytes = b"weights") -> Path:
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_bytes(content)
    return folder


def test_the_bundled_pack_is_there_and_says_what_it_is_for() -> None:
    pack = find_pack("simface")
    assert [file.name for file in pack.files] == ["det_sim.onnx", "lmk106_sim.onnx", "rec_sim.onnx"]
    assert pack.simulated_only
    assert "worthless on photographs" in pack.licence
    assert len(pack.hash()) == 16
    assert pack.hash() == find_pack("simface").hash()


def test_only_the_wanted_models_of_buffalo_are_loaded(tmp_path: Path) -> None:
    make_pack(tmp_path / "models" / "buffalo_l", BUFFALO)
    pack = find_pack("buffalo_l", root=tmp_path)
    assert [file.name for file in pack.files] == ["2d106det.onnx", "det_10g.onnx", "w600k_r50.onnx"]
    assert "non-commercial" in pack.licence
    assert not pack.simulated_only


def test_an_absent_pack_is_explained_and_nothing_is_created(tmp_path: Path) -> None:
    with pytest.raises(ModelPackError, match=r"has to be allowed, or set evaluation\.embedding\.model_name"):
        find_pack("buffalo_l", root=tmp_path)
    with pytest.raises(ModelPackError, match="no face model pack 'my_pack'"):
        find_pack(tmp_path / "my_pack")
    assert list(tmp_path.iterdir()) == []


def test_an_incomplete_or_damaged_pack_is_named(tmp_path: Path) -> None:
    make_pack(tmp_path / "models" / "buffalo_l", ("det_10g.onnx",))
    with pytest.raises(ModelPackError, match=r"incomplete: 2d106det\.onnx, w600k_r50\.onnx missing"):
        find_pack("buffalo_l", root=tmp_path)
    with pytest.raises(ModelPackError, match="found 0 model files"):
        find_pack(make_pack(tmp_path / "none", ()))
    empty = make_pack(tmp_path / "empty", ("a_det.onnx", "b_rec.onnx"), b"")
    with pytest.raises(ModelPackError, match=r"a_det\.onnx, b_rec\.onnx is empty"):
        find_pack(empty)


def test_the_hash_follows_names_and_contents(tmp_path: Path) -> None:
    one = find_pack(make_pack(tmp_path / "one", ("a.onnx", "b.onnx"))).hash()
    same = find_pack(make_pack(tmp_path / "same", ("a.onnx", "b.onnx"))).hash()
    renamed = find_pack(make_pack(tmp_path / "renamed", ("a.onnx", "c.onnx"))).hash()
    changed = find_pack(make_pack(tmp_path / "changed", ("a.onnx", "b.onnx"), b"other")).hash()
    assert one == same
    assert len({one, renamed, changed}) == 3


def test_names_and_folders_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder called like a pack in the working directory is not mistaken for it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "buffalo_l").mkdir()
    assert pack_folder("buffalo_l", tmp_path / "root") == tmp_path / "root" / "models" / "buffalo_l"
    assert pack_folder("./buffalo_l") == Path("buffalo_l")
    assert pack_licence("someone_elses").startswith("Unknown")
