"""The endpoints that docs/providers.md describes, against servers that answer as the real ones do."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from personalab_core.errors import (
    InvalidRequestError,
    LLMError,
    MissingKeyError,
    OutputLostError,
    ProviderServerError,
    ProviderTimeoutError,
)
from personalab_core.llm import ImagePart, ResumableImages, create_client, provider_of
from personalab_core.llm.http_adapter import HttpJobAdapter
from personalab_core.llm.http_endpoint import Endpoint
from personalab_core.llm.http_recipe import Recipe
from tests.support.comfyui import ComfyUI, comfyui, form_of
from tests.support.documented import documented_config, examples
from tests.support.fakes import tiny_png
from tests.support.logs import everything_logged
from tests.support.loopback import LoopbackServer, Reply, loopback_server
from tests.support.vendors import PROMPT, REFERENCE, SECOND_REFERENCE, image_arguments, patience, text_arguments

SECRET = "vllm-secret-2718281828"


def ask(client: Any, **arguments: Any) -> Any:
    return client.generate_image(**arguments)


def ask_async(client: Any, **arguments: Any) -> Any:
    return asyncio.run(client.generate_image_async(**arguments))


both_ways = pytest.mark.parametrize("ask", [ask, ask_async], ids=["sync", "async"])
Ask = Callable[..., Any]


@pytest.fixture(autouse=True)
def no_detours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    with loopback_server() as running:
        yield running


@pytest.fixture
def comfy() -> Iterator[ComfyUI]:
    with comfyui() as running:
        yield running


def comfy_client(folder: Path, comfy: ComfyUI) -> HttpJobAdapter:
    config = documented_config(folder, "comfyui", base_url=comfy.url)
    endpoint = Endpoint(Recipe.of(config, "image"), secret=config.secret, patience=patience())
    return HttpJobAdapter(endpoint, draw_seed=lambda _most: 77)


def test_every_example_that_is_marked_is_found() -> None:
    assert set(examples()) >= {"row", "comfyui", "vllm", "at_once", "form", "my_adapter", "my_evaluator", "create"}


@both_ways
def test_comfyui_draws_from_text(tmp_path: Path, comfy: ComfyUI, ask: Ask) -> None:
    client = comfy_client(tmp_path, comfy)
    for _ in range(2):
        response = ask(client, **image_arguments("flux1-kontext-dev", []))
    assert list(response.images) == [tiny_png(77)]
    assert (response.cost.amount_usd, response.cost.source) == (0.0, "configuration")
    graph = comfy.prompts[response.request_id]
    assert graph["4"]["inputs"]["text"] == PROMPT
    assert graph["1"]["inputs"]["unet_name"] == "flux1-kontext-dev.safetensors"
    assert (graph["7"]["inputs"]["width"], graph["7"]["inputs"]["height"]) == (896, 1120)
    assert "11" not in graph
    assert len(comfy.prompts) == 2


@both_ways
def test_comfyui_is_given_the_reference_by_upload(tmp_path: Path, comfy: ComfyUI, ask: Ask) -> None:
    client = comfy_client(tmp_path, comfy).with_seed(9)
    response = ask(client, **image_arguments("flux1-kontext-dev"))
    ((name, data),) = comfy.uploads.items()
    assert data == REFERENCE
    (graph,) = comfy.prompts.values()
    assert graph["11"]["inputs"]["image"] == name
    assert graph["5"]["inputs"]["conditioning"] == ["14", 0]
    assert list(response.images) == [tiny_png(9)]


def test_a_job_of_comfyui_is_collected_by_a_new_client(tmp_path: Path, comfy: ComfyUI) -> None:
    job = comfy_client(tmp_path, comfy).submit_image(**image_arguments("flux1-kontext-dev"))
    again = comfy_client(tmp_path, comfy)
    assert isinstance(again, ResumableImages)
    for _ in range(2):
        assert list(again.collect_image(job).images) == [tiny_png(77)]
    assert len(comfy.prompts) == 1


@both_ways
@pytest.mark.parametrize(
    ("fate", "kind"),
    [("error", ProviderServerError), ("never", ProviderTimeoutError), ("gone", OutputLostError)],
)
def test_a_job_that_ends_badly_is_named(
    tmp_path: Path, comfy: ComfyUI, ask: Ask, fate: str, kind: type[LLMError]
) -> None:
    comfy.fate = fate
    with pytest.raises(kind) as caught:
        ask(comfy_client(tmp_path, comfy), **image_arguments("flux1-kontext-dev"))
    assert type(caught.value) is kind
    assert caught.value.request_id in comfy.prompts
    assert len(comfy.prompts) == 1


def test_a_workflow_that_comfyui_refuses_is_an_invalid_request(tmp_path: Path, comfy: ComfyUI) -> None:
    config = documented_config(tmp_path, "comfyui", base_url=comfy.url)
    broken = {**config.models.image.http, "upload": None, "request": {"path": "/prompt", "body": {"prompt": None}}}
    recipe = Recipe.model_validate({**broken, "request_with_references": None})
    with pytest.raises(InvalidRequestError, match="no_prompt"):
        HttpJobAdapter(Endpoint(recipe, secret=config.secret)).generate_image(**image_arguments("m", []))


def test_the_factory_makes_the_documented_client(tmp_path: Path, comfy: ComfyUI) -> None:
    client = create_client(documented_config(tmp_path, "comfyui", base_url=comfy.url))
    assert provider_of(client, "image") == "http"
    assert isinstance(client, ResumableImages)


@both_ways
def test_more_references_than_the_recipe_takes_are_refused_before_anything_is_sent(
    tmp_path: Path, comfy: ComfyUI, ask: Ask
) -> None:
    with pytest.raises(InvalidRequestError, match="takes 1 reference pictures, got 2"):
        ask(comfy_client(tmp_path, comfy), **image_arguments("m", [REFERENCE, SECOND_REFERENCE]))
    assert comfy.headers == []


def chat(text: str | None, **choice: Any) -> Reply:
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop", **choice}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 22, "total_tokens": 33},
    }
    return Reply(body)


def test_vllm_is_asked_for_json_by_schema(tmp_path: Path, server: LoopbackServer) -> None:
    client = create_client(documented_config(tmp_path, "vllm", base_url=server.url, VLLM_API_KEY=SECRET))
    arguments = text_arguments("Qwen/Qwen3-8B")
    server.script(chat('{"n": 3}'))
    for answer in (client.generate_text_json(**arguments), asyncio.run(client.generate_text_json_async(**arguments))):
        assert (answer.parsed, answer.block_reason) == ({"n": 3}, None)
        assert (answer.usage.input_tokens, answer.usage.output_tokens) == (11, 22)
        assert answer.cost.amount_usd == 0.0
    call = server.calls[0]
    assert (call.path, call.headers["authorization"]) == ("/v1/chat/completions", f"Bearer {SECRET}")
    assert call.body["messages"] == [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": PROMPT},
    ]
    assert call.body["response_format"]["json_schema"]["schema"] == arguments["schema"]
    assert isinstance(call.body["seed"], int)


@pytest.mark.parametrize(
    ("reply", "block_reason", "finish_reason"),
    [
        (chat(None), None, "EMPTY"),
        (chat("", finish_reason="content_filter"), "content_filter", "EMPTY"),
        (Reply({"choices": []}), None, "EMPTY"),
    ],
    ids=["nothing", "filtered", "no choice"],
)
def test_no_text_is_an_outcome(
    tmp_path: Path, server: LoopbackServer, reply: Reply, block_reason: str | None, finish_reason: str
) -> None:
    server.script(reply)
    client = create_client(documented_config(tmp_path, "vllm", base_url=server.url, VLLM_API_KEY=SECRET))
    answer = client.generate_text_json(**text_arguments("m"))
    assert (answer.parsed, answer.block_reason, answer.finish_reason) == (None, block_reason, finish_reason)


def test_a_variable_that_a_header_names_is_asked_for_at_the_first_use(tmp_path: Path, server: LoopbackServer) -> None:
    client = create_client(documented_config(tmp_path, "vllm", base_url=server.url))
    with pytest.raises(MissingKeyError, match="VLLM_API_KEY"):
        client.generate_text_json(**text_arguments("m"))
    assert server.calls == []


@both_ways
def test_a_service_that_answers_at_once_takes_several_references(
    tmp_path: Path, server: LoopbackServer, ask: Ask
) -> None:
    picture = base64.b64encode(tiny_png(5)).decode()
    server.script(Reply({"pictures": [{"base64": picture}], "seed": 41, "price": {"usd": 0.02}}))
    client = create_client(documented_config(tmp_path, "at_once", base_url=server.url, STUDIO_API_KEY=SECRET))
    response = ask(client, **image_arguments("portrait-2", [REFERENCE, SECOND_REFERENCE]))
    (call,) = server.calls
    assert call.headers["x-api-key"] == SECRET
    assert call.body["faces"] == [base64.b64encode(data).decode() for data in (REFERENCE, SECOND_REFERENCE)]
    assert (call.body["size"], call.body["prompt"]) == ("896x1120", PROMPT)
    assert list(response.images) == [tiny_png(5)]
    assert (response.seed, response.cost.amount_usd, response.cost.source) == (41, 0.02, "provider")
    with pytest.raises(InvalidRequestError, match="no '16:9'"):
        ask(client, **{**image_arguments("portrait-2"), "aspect_ratio": "16:9"})


@both_ways
def test_a_refusal_of_such_a_service_is_an_outcome(tmp_path: Path, server: LoopbackServer, ask: Ask) -> None:
    client = create_client(documented_config(tmp_path, "at_once", base_url=server.url, STUDIO_API_KEY=SECRET))
    server.script(Reply({"refused": {"reason": "celebrity"}}))
    assert ask(client, **image_arguments("m")).block_reason == "celebrity"
    server.script(Reply({"refused": {"reason": f"because of {PROMPT}"}}))
    assert ask(client, **image_arguments("m")).block_reason == "blocked"
    server.script(Reply({"pictures": []}))
    assert ask(client, **image_arguments("m")).finish_reason == "EMPTY"


@both_ways
def test_a_service_that_takes_a_form_is_sent_files(tmp_path: Path, server: LoopbackServer, ask: Ask) -> None:
    server.script(Reply(tiny_png(6), headers={"Content-Type": "image/png"}))
    client = create_client(documented_config(tmp_path, "form", base_url=server.url))
    assert list(ask(client, **image_arguments("edit-1")).images) == [tiny_png(6)]
    (call,) = server.calls
    form = form_of(call.headers["content-type"], call.body)
    assert form["image"][1] == REFERENCE
    assert (form["prompt"][1].decode(), form["width"][1]) == (PROMPT, b"1024")


@both_ways
def test_nothing_confidential_is_logged_or_said(tmp_path: Path, server: LoopbackServer, ask: Ask) -> None:
    picture = base64.b64encode(tiny_png(5, width=64, height=64)).decode()
    server.script(Reply({"pictures": [{"base64": picture}]}), Reply({"error": f"{SECRET} {PROMPT}"}, status=500))
    client = create_client(documented_config(tmp_path, "at_once", base_url=server.url, STUDIO_API_KEY=SECRET))
    said = [repr(client)]
    with everything_logged() as log:
        said.append(repr(ask(client, **image_arguments("m"))))
        with pytest.raises(ProviderServerError) as caught:
            ask(client, **image_arguments("m"))
    said += [str(caught.value), repr(caught.value)]
    assert log.getvalue()
    for secret in (SECRET, PROMPT, base64.b64encode(REFERENCE).decode()[:40], picture[:40]):
        assert secret not in log.getvalue() + "".join(said)


def test_the_row_of_a_model_that_the_table_does_not_know(tmp_path: Path) -> None:
    pytest.importorskip("replicate")
    client: Any = create_client(documented_config(tmp_path, "row", REPLICATE_API_TOKEN="t")).client_for("image")  # type: ignore[attr-defined]
    request = client._request([PROMPT, ImagePart(REFERENCE), ImagePart(SECOND_REFERENCE)], "4:5", "acme/portraits")
    assert len(request["input"]["face_images"]) == 2
    assert request["input"]["output_format"] == "png"
    with pytest.raises(InvalidRequestError, match="does not make 16:9"):
        client._request([PROMPT], "16:9", "acme/portraits")


def test_a_server_that_speaks_openais_language_is_documented(tmp_path: Path) -> None:
    pytest.importorskip("openai")
    client = create_client(documented_config(tmp_path, "openai_compatible"))
    assert provider_of(client, "text") == "openai_compatible"
