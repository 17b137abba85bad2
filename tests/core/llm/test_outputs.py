"""Files from a provider's file host: fetched without credentials, within limits, and what they claim to be."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Iterator
from itertools import count

import pytest

from personalab_core.errors import LLMError, OutputLostError, ProviderServerError
from personalab_core.llm.outputs import Outputs, is_picture, is_video
from tests.support.fakes import tiny_png
from tests.support.loopback import LoopbackServer, Reply, loopback_server
from tests.support.vendors import tiny_mp4

Fetch = Callable[[Outputs, str], bytes]


def fetch_async(outputs: Outputs, url: str) -> bytes:
    return asyncio.run(outputs.fetch_async(url))


both_ways = pytest.mark.parametrize("fetch", [Outputs.fetch, fetch_async], ids=["sync", "async"])


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with loopback_server() as running:
        yield running


@both_ways
def test_a_file_comes_byte_for_byte(host: LoopbackServer, fetch: Fetch) -> None:
    host.script(Reply(tiny_png()))
    assert fetch(Outputs("acme"), f"{host.url}/a.png") == tiny_png()


@both_ways
@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(b"", status=404), OutputLostError),
        (Reply(b"", status=403), OutputLostError),
        (Reply(b"", status=429), ProviderServerError),
        (Reply(b"", status=502), ProviderServerError),
        (Reply(b"half", cut=True), ProviderServerError),
        (Reply(b"x" * 2000), OutputLostError),
    ],
    ids=["gone", "forbidden", "too many", "bad gateway", "cut off", "too large"],
)
def test_a_file_that_does_not_come(host: LoopbackServer, fetch: Fetch, reply: Reply, kind: type[LLMError]) -> None:
    host.script(reply)
    with pytest.raises(kind) as caught:
        fetch(Outputs("acme", max_bytes=1000), f"{host.url}/a.png?signature=s3cret")
    assert type(caught.value) is kind
    assert "s3cret" not in str(caught.value)


@both_ways
def test_a_file_that_trickles_is_given_up(host: LoopbackServer, fetch: Fetch) -> None:
    host.script(Reply(b"x" * 100))
    ticks = count(step=40)
    with pytest.raises(OutputLostError, match="within 60 s"):
        fetch(Outputs("acme", timeout_s=60.0, clock=lambda: next(ticks) * 2), f"{host.url}/a.png")


@both_ways
@pytest.mark.parametrize("address", ["file:///etc/hostname", "ftp://127.0.0.1/a.png", ""])
def test_only_addresses_of_the_web_are_followed(fetch: Fetch, address: str) -> None:
    with pytest.raises(OutputLostError, match="not one of the web"):
        fetch(Outputs("acme"), address)


def _jpeg() -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "JPEG")
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "decodes"),
    [(tiny_png(), True), (_jpeg(), True), (tiny_png()[:45], False), (b"<html>", False), (b"", False)],
    ids=["png", "jpeg", "torn", "html", "empty"],
)
def test_a_picture_is_what_decodes_as_one(data: bytes, decodes: bool) -> None:
    assert is_picture(data) is decodes


@pytest.mark.parametrize(
    ("cut_to", "decodes"), [(None, True), (200, False), (0, False)], ids=["whole", "torn", "empty"]
)
def test_a_video_is_what_decodes_as_one(cut_to: int | None, decodes: bool) -> None:
    assert is_video(tiny_mp4()[:cut_to]) is decodes
