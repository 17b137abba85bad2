"""Every way a vendor can fail, over its real SDK: our error, one request, no second payment."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from personalab_core.errors import (
    AuthenticationError,
    CallCancelledError,
    InvalidRequestError,
    LLMError,
    OutputLostError,
    ProviderConnectionError,
    ProviderServerError,
    ProviderTimeoutError,
    QuotaExceededError,
    RateLimitError,
    UnknownOperationError,
)
from tests.support.loopback import Reply
from tests.support.vendors import (
    ANSWERED,
    GOOGLE,
    KEY,
    MODULES,
    POLLED,
    PROMPT,
    Rig,
    rig_of,
    tiny_mp4,
)

Ask = Callable[[Rig], Any]
ASKS = [pytest.param(Rig.ask, id="sync"), pytest.param(Rig.ask_async, id="async")]
both_ways = pytest.mark.parametrize("ask", ASKS)


@pytest.fixture(autouse=True)
def no_detours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def rigs(names: Iterable[str]) -> list[Any]:
    """Google's further routes share adapter and table with the first, and their client is dear to make."""
    slow = set(GOOGLE) - {"gemini"}
    return [pytest.param(name, marks=[pytest.mark.slow] if name in slow else []) for name in sorted(names)]


@pytest.fixture(params=rigs(MODULES))
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    pytest.importorskip(MODULES[request.param])
    with rig_of(request.param) as made:
        yield made


@pytest.fixture(params=rigs(POLLED))
def polled(request: pytest.FixtureRequest) -> Iterator[Rig]:
    pytest.importorskip(MODULES[request.param])
    with rig_of(request.param) as made:
        made.answer()
        yield made


def fails(rig: Rig, ask: Ask) -> LLMError:
    with pytest.raises(LLMError) as caught:
        ask(rig)
    said = f"{caught.value} {caught.value!r}"
    assert KEY not in said
    assert PROMPT not in said
    assert caught.value.provider == rig.adapter.provider
    return caught.value


def refusal(status: int, *, headers: dict[str, str] | None = None, **body: Any) -> Reply:
    quoting = f"the server quotes {KEY} and {PROMPT}"
    return Reply({"error": {"message": quoting}, "detail": quoting, **body}, status=status, headers=headers or {})


@both_ways
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidRequestError),
        (401, AuthenticationError),
        (402, QuotaExceededError),
        (403, AuthenticationError),
        (404, InvalidRequestError),
        (422, InvalidRequestError),
        (500, ProviderServerError),
        (503, ProviderServerError),
    ],
)
def test_a_refused_request_is_sent_once(rig: Rig, ask: Ask, status: int, kind: type[LLMError]) -> None:
    rig.api.script(refusal(status))
    error = fails(rig, ask)
    assert type(error) is kind
    assert error.status_code == status
    assert len(rig.api.calls) == 1


@both_ways
def test_a_rate_limit_says_in_its_header_how_long_to_wait(rig: Rig, ask: Ask) -> None:
    rig.api.script(refusal(429, headers={"Retry-After": "7"}))
    error = fails(rig, ask)
    assert type(error) is RateLimitError
    assert error.retry_after_s == 7.0
    assert len(rig.api.calls) == 1


@both_ways
def test_a_rate_limit_may_say_in_its_body_how_long_to_wait(rig: Rig, ask: Ask) -> None:
    if rig.vendor == "runware":
        pytest.skip("the SDK drops the body, and Runware documents no delay in it")
    google = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "5s"}]
    rig.api.script(refusal(429, retry_after=5, error={"code": 429, "details": google}))
    assert fails(rig, ask).retry_after_s == 5.0


@both_ways
def test_silence_beyond_the_limit_may_have_been_paid(ask: Ask, rig: Rig) -> None:
    with rig_of(rig.vendor, timeout_s=0.15) as impatient:
        impatient.api.script(Reply(delay_s=0.5))
        error = fails(impatient, ask)
        assert type(error) is ProviderTimeoutError
        assert "may have been paid" in str(error)
        assert len(impatient.api.calls) == 1


@both_ways
def test_nobody_listening_means_nothing_was_sent(rig: Rig, ask: Ask) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    rig.adapter._base_url = f"http://127.0.0.1:{port}/v1"
    assert type(fails(rig, ask)) is ProviderConnectionError


@both_ways
def test_an_answer_cut_off_in_the_middle_may_have_been_paid(rig: Rig, ask: Ask) -> None:
    rig.api.script(Reply(b'{"id": "x", ', cut=True))
    error = fails(rig, ask)
    assert isinstance(error, ProviderTimeoutError)
    assert len(rig.api.calls) == 1


@both_ways
@pytest.mark.parametrize(
    "reply",
    [
        Reply(b"<html>busy</html>", headers={"Content-Type": "text/html"}),
        Reply(b"{not json"),
        Reply(
            {
                "id": [3],
                "data": [{"imageBase64Data": 3}],
                "output": 3,
                "status": [3],
                "model": [3],
                "version": [3],
                "candidates": 3,
                "name": [3],
            }
        ),
    ],
    ids=["html", "broken json", "wrong types"],
)
def test_an_unreadable_answer_may_have_been_paid(rig: Rig, ask: Ask, reply: Reply) -> None:
    rig.api.script(reply)
    assert isinstance(fails(rig, ask), OutputLostError)
    assert len(rig.api.calls) == 1


@both_ways
def test_two_event_loops_one_after_the_other_are_served(rig: Rig, ask: Ask) -> None:
    for _ in range(2):
        rig.answer()
        assert ask(rig).block_reason is None


@both_ways
def test_an_operation_is_paid_once_however_often_it_is_looked_at(polled: Rig, ask: Ask) -> None:
    ask(polled)
    assert len(polled.started()) == 1
    assert len(polled.api.calls) >= 3


@both_ways
def test_a_look_that_fails_says_nothing_about_the_operation(polled: Rig, ask: Ask) -> None:
    done = polled.api.routes["GET", str(polled.look)][-1]
    polled.api.route("GET", str(polled.look), refusal(503), refusal(429), done)
    ask(polled)
    assert len(polled.started()) == 1


@both_ways
def test_the_file_host_sees_no_credentials(polled: Rig, ask: Ask) -> None:
    if polled.vendor in GOOGLE:
        pytest.skip("the files lie with Google itself, and only the key opens them")
    ask(polled)
    (call,) = polled.files.calls
    assert "authorization" not in call.headers
    assert KEY not in str(call.headers)


@both_ways
def test_an_operation_that_never_ends_is_given_up_by_its_id(polled: Rig, ask: Ask) -> None:
    polled.end("busy")
    error = fails(polled, ask)
    assert type(error) is ProviderTimeoutError
    assert error.request_id == polled.operation
    assert polled.operation in str(error)


@both_ways
def test_a_cancelled_operation_is_no_timeout(polled: Rig, ask: Ask) -> None:
    polled.end("cancelled")
    error = fails(polled, ask)
    assert type(error) is CallCancelledError
    assert error.request_id == polled.operation


@both_ways
def test_a_failed_operation_is_the_providers_failure(polled: Rig, ask: Ask) -> None:
    polled.end("failed")
    error = fails(polled, ask)
    assert type(error) is ProviderServerError
    assert error.request_id == polled.operation


@both_ways
@pytest.mark.parametrize("status", [404, 410])
def test_an_operation_that_is_not_known_any_more_is_lost_for_good(polled: Rig, ask: Ask, status: int) -> None:
    polled.api.route("GET", str(polled.look), refusal(status))
    error = fails(polled, ask)
    assert type(error) is UnknownOperationError
    assert error.request_id == polled.operation


@both_ways
def test_a_blocked_operation_is_an_outcome(polled: Rig, ask: Ask) -> None:
    polled.end("blocked")
    response = ask(polled)
    assert response.block_reason
    assert not getattr(response, "images", None)
    assert not getattr(response, "video_data", None)
    assert len(polled.started()) == 1


@both_ways
def test_an_unreadable_look_is_given_up_by_its_id(polled: Rig, ask: Ask) -> None:
    polled.api.route("GET", str(polled.look), Reply(b"<html>"))
    error = fails(polled, ask)
    assert type(error) is OutputLostError
    assert error.request_id == polled.operation


@both_ways
@pytest.mark.parametrize("reply", [Reply(b"gone", status=404), Reply(b"no picture, no video")], ids=["gone", "text"])
def test_a_lost_output_is_named_by_its_operation(polled: Rig, ask: Ask, reply: Reply) -> None:
    polled.file_server.route("GET", polled.file, reply)
    error = fails(polled, ask)
    assert type(error) is OutputLostError
    assert error.request_id == polled.operation
    assert "signature" not in str(error)
    assert len(polled.started()) == 1


@both_ways
def test_a_file_host_that_fails_for_a_moment_is_asked_again(polled: Rig, ask: Ask) -> None:
    host, path = polled.file_server, polled.file
    host.route("GET", path, Reply({}, status=503), *host.routes["GET", path])
    assert ask(polled).finish_reason.lower() in ("succeeded", "completed")
    assert len(polled.started()) == 1


def test_a_started_operation_can_be_collected_again(polled: Rig) -> None:
    arguments = polled.arguments
    name = polled.method.removeprefix("generate_")
    operation = getattr(polled.adapter, f"submit_{name}")(**arguments)
    assert operation.partition("?")[0] == polled.operation
    for _ in range(2):
        response = getattr(polled.adapter, f"collect_{name}")(operation)
        made = response.images[0] if name == "image" else response.video_data
        assert made == (ANSWERED if name == "image" else tiny_mp4())
    assert len(polled.started()) == 1
