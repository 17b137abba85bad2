"""Questions that cost nothing: is the vendor there, does it take the key, does it know the model?"""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from personalab_core.llm.factory import _REGISTRY
from personalab_core.llm.reachability import QUESTIONS, check_reachability
from tests.support.loopback import LoopbackServer, Reply, loopback_server

KEY = "key-3141592653"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with loopback_server() as running:
        yield running


def test_every_built_in_vendor_can_be_asked() -> None:
    assert set(QUESTIONS) == set(_REGISTRY) - {"simulated"}


@pytest.mark.parametrize(
    ("provider", "model", "method", "path"),
    [
        ("gemini", "gemini-x", "GET", "/v1beta/models/gemini-x"),
        ("openai", "gpt-x", "GET", "/models/gpt-x"),
        ("replicate", "acme/portraits:abc", "GET", "/v1/models/acme/portraits"),
        ("runway", "gen4.5", "GET", "/v1/organization"),
        ("runware", "a:b@1", "POST", "/"),
    ],
)
def test_the_question_shows_the_key_and_makes_nothing(
    server: LoopbackServer, provider: str, model: str, method: str, path: str
) -> None:
    found = check_reachability(provider, model, KEY, base_url=server.url)
    (call,) = server.calls
    assert found.ok
    assert (call.method, call.path) == (method, path)
    assert KEY in {call.headers.get("x-goog-api-key"), call.headers.get("authorization", "").removeprefix("Bearer ")}
    assert "imageInference" not in str(call.body)
    assert (call.body is None) == (method == "GET")


@pytest.mark.parametrize(
    ("provider", "reply", "words"),
    [
        ("openai", Reply(status=401), "refuses the key"),
        ("gemini", Reply({"error": {"details": [{"reason": "API_KEY_INVALID"}]}}, status=400), "refuses the key"),
        ("runware", Reply({"errors": [{"code": "invalidApiKey"}]}), "refuses the key"),
        ("replicate", Reply(status=404), "does not know the model m"),
        ("runway", Reply(status=404), "HTTP 404"),
        ("runware", Reply(status=503), "HTTP 503"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(server: LoopbackServer, provider: str, reply: Reply, words: str) -> None:
    server.script(reply)
    found = check_reachability(provider, "m", KEY, base_url=server.url)
    assert not found.ok
    assert words in found.detail
    assert KEY not in found.detail


def test_silence_and_absence_are_told_apart(server: LoopbackServer) -> None:
    server.script(Reply(delay_s=0.4))
    silent = check_reachability("openai", "m", KEY, base_url=server.url, timeout_s=0.1)
    assert (silent.ok, "no answer within 0.1 s" in silent.detail) == (False, True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    absent = check_reachability("openai", "m", KEY, base_url=f"http://127.0.0.1:{port}")
    assert (absent.ok, "could not be reached" in absent.detail) == (False, True)
