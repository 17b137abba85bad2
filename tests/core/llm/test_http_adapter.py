"""A plain HTTP endpoint: every failure in its place, and every mistake in a recipe by file and key."""

from __future__ import annotations

import asyncio
import base64
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from personalab_core.config import load_config
from personalab_core.errors import (
    AuthenticationError,
    ConfigError,
    InvalidRequestError,
    LLMError,
    OutputLostError,
    ProviderConnectionError,
    ProviderServerError,
    ProviderTimeoutError,
    QuotaExceededError,
    RateLimitError,
)
from personalab_core.llm import create_client
from personalab_core.llm.http_adapter import HttpImageAdapter
from personalab_core.llm.http_endpoint import Endpoint
from personalab_core.llm.http_recipe import Recipe, filled, filled_path
from personalab_core.llm.outputs import Outputs
from tests.support.fakes import tiny_png
from tests.support.loopback import LoopbackServer, Reply, loopback_server
from tests.support.vendors import KEY, PROMPT, image_arguments, patience

RECIPE: dict[str, Any] = {
    "base_url": "http://127.0.0.1:9",
    "headers": {"Authorization": "Bearer ${env.ACME_KEY}"},
    "request": {"path": "/draw/${model}", "body": {"text": "${prompt}", "seed": "${seed}", "n": 1}},
    "answer": {"pictures": "pictures", "pictures_as": "url", "failed": "error"},
}
ASKS = [pytest.param(False, id="sync"), pytest.param(True, id="async")]
both_ways = pytest.mark.parametrize("is_async", ASKS)


@pytest.fixture(autouse=True)
def no_detours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    with loopback_server() as running:
        yield running


@pytest.fixture
def files() -> Iterator[LoopbackServer]:
    with loopback_server() as running:
        yield running


def client_of(base_url: str, **changes: Any) -> HttpImageAdapter:
    recipe = Recipe.model_validate({**RECIPE, "base_url": base_url, **changes})
    outputs = Outputs("http", timeout_s=20)
    return HttpImageAdapter(Endpoint(recipe, secret=lambda *_: KEY, patience=patience(), outputs=outputs))


def ask(client: HttpImageAdapter, *, is_async: bool) -> Any:
    arguments = image_arguments("m/1", [])
    return asyncio.run(client.generate_image_async(**arguments)) if is_async else client.generate_image(**arguments)


def fails(client: HttpImageAdapter, *, is_async: bool) -> LLMError:
    with pytest.raises(LLMError) as caught:
        ask(client, is_async=is_async)
    assert KEY not in f"{caught.value} {caught.value!r}"
    assert PROMPT not in f"{caught.value} {caught.value!r}"
    assert caught.value.provider == "http"
    return caught.value


@both_ways
@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply({"error": KEY}, status=400), InvalidRequestError),
        (Reply(status=401), AuthenticationError),
        (Reply(status=402), QuotaExceededError),
        (Reply(status=403), AuthenticationError),
        (Reply({"error": {"code": "insufficient_quota"}}, status=429), QuotaExceededError),
        (Reply(status=500), ProviderServerError),
        (Reply(status=503), ProviderServerError),
        (Reply(status=302, headers={"Location": "https://example.org/"}), InvalidRequestError),
        (Reply(b"{", cut=True), ProviderTimeoutError),
        (Reply(b"<html>busy</html>", headers={"Content-Type": "text/html"}), OutputLostError),
        (Reply({"pictures": [3]}), OutputLostError),
        (Reply({"error": PROMPT}), ProviderServerError),
    ],
)
def test_a_failure_is_ours_and_the_request_was_sent_once(
    server: LoopbackServer, reply: Reply, kind: type[LLMError], is_async: bool
) -> None:
    server.script(reply)
    assert type(fails(client_of(server.url), is_async=is_async)) is kind
    assert len(server.calls) == 1


@both_ways
@pytest.mark.parametrize(
    "reply", [Reply(status=429, headers={"Retry-After": "4"}), Reply({"retry_after": 4}, status=429)]
)
def test_a_rate_limit_carries_the_time_to_wait(server: LoopbackServer, reply: Reply, is_async: bool) -> None:
    server.script(reply)
    error = fails(client_of(server.url), is_async=is_async)
    assert (type(error), error.retry_after_s) == (RateLimitError, 4.0)


@both_ways
def test_silence_may_have_been_paid_and_nobody_listening_may_not(server: LoopbackServer, is_async: bool) -> None:
    server.script(Reply(delay_s=0.5))
    assert type(fails(client_of(server.url, timeout_s=0.1), is_async=is_async)) is ProviderTimeoutError
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert type(fails(client_of(f"http://127.0.0.1:{port}"), is_async=is_async)) is ProviderConnectionError


@both_ways
def test_a_picture_elsewhere_is_fetched_without_the_headers(
    server: LoopbackServer, files: LoopbackServer, is_async: bool
) -> None:
    server.script(Reply({"pictures": f"{files.url}/a.png?signature=s3cret"}))
    files.script(Reply(b"busy", status=503), Reply(tiny_png(8)))
    for _ in range(2):
        assert list(ask(client_of(server.url), is_async=is_async).images) == [tiny_png(8)]
    assert server.calls[0].headers["authorization"] == f"Bearer {KEY}"
    assert server.calls[0].path == "/draw/m%2F1"
    assert all("authorization" not in call.headers for call in files.calls)


@both_ways
@pytest.mark.parametrize("reply", [Reply(b"gone", status=404), Reply(b"no picture"), Reply(status=503)])
def test_a_picture_that_cannot_be_had_may_have_been_paid(
    server: LoopbackServer, files: LoopbackServer, reply: Reply, is_async: bool
) -> None:
    server.script(Reply({"pictures": [f"{files.url}/a.png"]}))
    files.script(reply)
    assert type(fails(client_of(server.url), is_async=is_async)) is OutputLostError
    assert len(server.calls) == 1


def test_a_file_on_the_same_server_is_asked_for_with_the_headers_and_not_elsewhere(
    server: LoopbackServer, files: LoopbackServer
) -> None:
    answer = {"pictures": "pictures", "pictures_as": "file", "file": "/files/${item}"}
    server.route("POST", "/draw", Reply({"pictures": ["a b.png"]}))
    server.route("GET", "/files", Reply(tiny_png(3)))
    client = client_of(server.url, answer=answer)
    assert list(ask(client, is_async=False).images) == [tiny_png(3)]
    assert (server.calls[1].path, server.calls[1].headers["authorization"]) == ("/files/a%20b.png", f"Bearer {KEY}")
    server.route("GET", "/files", Reply(status=302, headers={"Location": f"{files.url}/x.png"}))
    assert type(fails(client, is_async=False)) is OutputLostError
    assert files.calls == []


def test_a_new_seed_is_drawn_for_every_call_unless_one_is_given(server: LoopbackServer) -> None:
    picture = base64.b64encode(tiny_png()).decode()
    server.script(Reply({"pictures": [picture]}))
    client = client_of(server.url, answer={"pictures": "pictures"})
    for one in (client, client, client.with_seed(5), client.with_seed(5)):
        ask(one, is_async=False)
    seeds = [call.body["seed"] for call in server.calls]
    assert seeds[0] != seeds[1]
    assert seeds[2:] == [5, 5]


def test_a_place_for_a_reference_needs_one(server: LoopbackServer) -> None:
    body = {"text": "${prompt}", "face": "${reference_uri}"}
    client = client_of(server.url, request={"path": "/draw", "body": body})
    assert "request_with_references" in str(fails(client, is_async=False))
    with pytest.raises(InvalidRequestError, match="takes 0 reference pictures, got 1"):
        client_of(server.url).generate_image(**image_arguments("m"))
    assert server.calls == []


def test_values_keep_their_type_and_are_filled_in_once() -> None:
    values = {"prompt": "costs ${seed} $5", "seed": 7, "list": [1]}
    template = {"a": ["${seed}", "${list}", "no. ${seed}"], "b": "${prompt}", "c": "$$ $x", "d": 3}
    assert filled(template, values) == {"a": [7, [1], "no. 7"], "b": "costs ${seed} $5", "c": "$ $x", "d": 3}
    assert filled_path("/view?name=${prompt}", {"prompt": "a&b/c"}) == "/view?name=a%26b%2Fc"


def without(*path: str) -> dict[str, Any]:
    recipe: dict[str, Any] = {**RECIPE, "request": dict(RECIPE["request"]), "answer": dict(RECIPE["answer"])}
    inner = recipe
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]
    return recipe


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        (None, r"needs the group models\.image\.http"),
        ({**RECIPE, "timout_s": 3}, r"unknown setting 'models\.image\.http\.timout_s'"),
        (without("request", "path"), r"'models\.image\.http\.request\.path' is missing"),
        (without("answer"), r"'models\.image\.http\.answer' is missing"),
        ({**RECIPE, "timeout_s": "long"}, r"'models\.image\.http\.timeout_s'"),
        ({**RECIPE, "base_url": "127.0.0.1:8188"}, r"'models\.image\.http\.base_url'"),
        ({**RECIPE, "answer": {"pictures": "a[?"}}, r"'models\.image\.http\.answer\.pictures'.*not a JMESPath"),
        ({**RECIPE, "answer": {"failed": "error"}}, r"'models\.image\.http\.answer\.pictures' has to say where"),
        ({**RECIPE, "answer": {"pictures": "a", "pictures_as": "file"}}, "'file' and 'pictures_as: file' belong"),
        (
            {**RECIPE, "request": {"path": "/x", "body": {"a": ["${promt}"]}}},
            r"'models\.image\.http\.request\.body\.a\.0' has the placeholder \$\{promt\}.*Did you mean \$\{prompt\}",
        ),
        (
            {**RECIPE, "request": {"path": "/x", "body": "${reference_name}"}},
            r"request\.body' has the placeholder \$\{reference_name\}",
        ),
        ({**RECIPE, "headers": {"X-A": "${prompt}"}}, r"headers\.X-A' has the placeholder"),
        ({**RECIPE, "headers": {"X-API-Key": "sk-3141592653"}}, r"headers\.X-API-Key'.*\$\{env\.NAME\}"),
        ({**RECIPE, "request": {"path": "x"}}, r"request\.path'"),
        ({**RECIPE, "request": {"path": "/x", "body": 3, "picture_field": "f"}}, "mapping of form fields"),
    ],
)
def test_a_mistake_in_a_recipe_is_told_by_file_and_key(tmp_path: Path, recipe: Any, words: str) -> None:
    import json

    model = {"provider": "http", "model_name": "m", "http": recipe}
    text = json.dumps({"profile": "simulated", "models": {"image": model}})  # JSON is YAML, too
    (tmp_path / "config.yml").write_text(text)
    with pytest.raises(ConfigError, match=words) as caught:
        create_client(load_config(workspace=tmp_path, environ={}))
    assert "sk-3141592653" not in str(caught.value)
    if recipe is not None:
        assert str(tmp_path / "config.yml") in str(caught.value)


def test_videos_are_not_offered(tmp_path: Path) -> None:
    overrides = {"models.video": {"provider": "http", "model_name": "m"}}
    with pytest.raises(ConfigError, match=r"models\.video\.provider"):
        create_client(load_config(workspace=tmp_path, environ={}, overrides=overrides))
