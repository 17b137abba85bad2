"""The download says so first, is atomic, has limits, and fails in one sentence."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from personalab_core.errors import ModelPackError
from personalab_core.identity.pack_download import PACK_URL, download_pack

MODELS = {"2d106det.onnx": b"landmarks", "det_10g.onnx": b"detector", "w600k_r50.onnx": b"recogniser"}


def archive(entries: dict[str, bytes]) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as out:
        for name, content in entries.items():
            out.writestr(name, content)
    return memory.getvalue()


def answering(content: bytes, status: int = 200) -> httpx.MockTransport:
    return httpx.MockTransport(lambda _request: httpx.Response(status, content=content))


def leftovers(root: Path) -> list[str]:
    return sorted(p.name for p in (root / "models").iterdir())


def test_it_announces_the_licence_before_it_asks_and_reports_progress(tmp_path: Path) -> None:
    events: list[str] = []

    def serve(request: httpx.Request) -> httpx.Response:
        events.append(str(request.url))
        return httpx.Response(200, content=archive(MODELS))

    progress: list[tuple[int, int | None]] = []
    folder = download_pack(
        announce=events.append,
        progress=lambda done, total: progress.append((done, total)),
        root=tmp_path,
        transport=httpx.MockTransport(serve),
    )
    assert "non-commercial" in events[0]
    assert events[1] == PACK_URL
    assert progress[-1][0] == progress[-1][1] == len(archive(MODELS))
    assert {f.name: f.read_bytes() for f in folder.iterdir()} == MODELS
    assert leftovers(tmp_path) == ["buffalo_l"]


def test_entries_cannot_lead_outside(tmp_path: Path) -> None:
    evil = archive({"../../evil.onnx": b"x", "buffalo_l/det_10g.onnx": b"y", "readme.txt": b"z"})
    folder = download_pack(announce=lambda _: None, root=tmp_path, transport=answering(evil))
    assert sorted(f.name for f in folder.iterdir()) == ["det_10g.onnx", "evil.onnx"]
    assert not (tmp_path / "evil.onnx").exists()


def test_an_incomplete_older_folder_is_set_aside(tmp_path: Path) -> None:
    old = tmp_path / "models" / "buffalo_l"
    old.mkdir(parents=True)
    (old / "half.onnx").write_bytes(b"half")
    folder = download_pack(announce=lambda _: None, root=tmp_path, transport=answering(archive(MODELS)))
    assert sorted(f.name for f in folder.iterdir()) == sorted(MODELS)
    assert leftovers(tmp_path) == ["buffalo_l", "buffalo_l.incomplete-1"]
    assert (tmp_path / "models" / "buffalo_l.incomplete-1" / "half.onnx").read_bytes() == b"half"


def _refuse(_request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("no route")


@pytest.mark.parametrize(
    ("transport", "words"),
    [
        (httpx.MockTransport(_refuse), "no usable network connection"),
        (answering(b"", 404), "HTTP 404"),
        (answering(b"<html>not a zip</html>"), "is damaged"),
        (answering(archive(MODELS)[:-40]), "is damaged"),
        (answering(archive({"readme.txt": b"z"})), "holds no models"),
    ],
)
def test_failures_are_one_sentence_and_leave_nothing(
    tmp_path: Path, transport: httpx.MockTransport, words: str
) -> None:
    with pytest.raises(ModelPackError, match=words):
        download_pack(announce=lambda _: None, root=tmp_path, transport=transport)
    assert leftovers(tmp_path) == []


def test_it_gives_up_when_the_time_is_over(tmp_path: Path) -> None:
    class Drip(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            for _ in range(100):
                yield b"\0" * (1 << 20)

    seconds = iter(range(0, 10_000, 10))
    with pytest.raises(ModelPackError, match="took too long and was given up after 3 MB"):
        download_pack(
            announce=lambda _: None,
            root=tmp_path,
            time_limit_s=25,
            transport=httpx.MockTransport(lambda _: httpx.Response(200, stream=Drip())),
            clock=lambda: float(next(seconds)),
        )
    assert leftovers(tmp_path) == []


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file where a folder is needed")
    with pytest.raises(ModelPackError, match="cannot be written"):
        download_pack(announce=lambda _: None, root=tmp_path, transport=answering(archive(MODELS)))
