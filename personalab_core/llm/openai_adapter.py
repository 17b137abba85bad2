"""Text from OpenAI, and from servers that speak its language, through the ``openai`` package.

The Responses interface is used, as OpenAI recommends: it takes a JSON Schema, looks
things up, and says in its answer why it stopped. ``create`` is called rather than
``parse``, which turns a cut-off answer into a bare validation error and loses the reason.
Nothing is stored on the server (``store=False``); the SDK's own retries are off.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from personalab_core.errors import (
    CallCancelledError,
    InvalidRequestError,
    LLMError,
    MissingDependencyError,
    ProviderServerError,
    QuotaExceededError,
    RateLimitError,
)
from personalab_core.llm.answers import Answer, decoded_json, read_answer
from personalab_core.llm.capabilities import NoImages, NoVideo
from personalab_core.llm.client import LLMTextResponse, Source, Usage
from personalab_core.llm.connections import tls_context
from personalab_core.llm.prices import cost_from_table
from personalab_core.llm.vendor_errors import PolicyBlock, Vendor, translated
from personalab_core.schemas import Cost

try:
    import openai
except ImportError as error:
    raise MissingDependencyError(
        "The 'openai' provider needs the 'openai' package, which is not installed. Install it with: pip install openai"
    ) from error

from personalab_core.llm.openai_errors import VENDOR, table_of

KEY_VARIABLES = VENDOR.key_variables

DEFAULT_TIMEOUT_S = 180.0
"""A content plan with a web search takes up to about two minutes; the SDK's own default is ten."""

_FAILURES: Mapping[str, type[LLMError]] = {
    "server_error": ProviderServerError,
    "rate_limit_exceeded": RateLimitError,
    "insufficient_quota": QuotaExceededError,
}
_ASK_FOR_JSON = "Answer with one JSON document and nothing else."


class _Annotation(Answer):
    type: str
    title: str | None = None
    url: str | None = None


class _Content(Answer):
    type: str
    text: str | None = None
    annotations: tuple[_Annotation, ...] | None = None


class _Item(Answer):
    type: str
    content: tuple[_Content, ...] | None = None


class _Failure(Answer):
    code: str | None = None


class _Incomplete(Answer):
    reason: str | None = None


class _Cached(Answer):
    cached_tokens: int = 0


class _Usage(Answer):
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: _Cached | None = None


class _Response(Answer):
    model: str | None = None
    status: str | None = None
    error: _Failure | None = None
    incomplete_details: _Incomplete | None = None
    output: tuple[_Item, ...] | None = None
    usage: _Usage | None = None

    @property
    def contents(self) -> list[_Content]:
        return [part for item in self.output or () if item.type == "message" for part in item.content or ()]


class OpenAIAdapter(NoImages, NoVideo):
    """OpenAI behind ``LLMClient``: text only. May be shared by threads and event loops.

    Args:
        api_key: The key, or ``None``: then the first call says which variable to set.
        base_url: Another server than OpenAI's, ending in ``/v1``: a gateway, vLLM, a test.
        timeout_s: Time limit of one call in seconds, for connecting and for each silence.
        vendor: Who messages and records say it was.
    """

    def __init__(
        self,
        *,
        api_key: str | None,
        base_url: str | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        vendor: Vendor = VENDOR,
    ) -> None:
        self.provider = vendor.provider
        self._vendor = vendor
        self._table = table_of(vendor)
        self._api_key = api_key
        self._base_url = base_url
        self._timeout_s = timeout_s

    def __repr__(self) -> str:
        return f"OpenAIAdapter(key {'set' if self._api_key else 'missing'}, timeout_s={self._timeout_s:g})"

    def generate_text_json(
        self,
        *,
        system_instruction: str,
        user_prompt: str,
        schema: Mapping[str, Any] | None,
        use_search: bool,
        model_name: str,
    ) -> LLMTextResponse:
        """Return decoded JSON; ``parsed`` is ``None`` if the model's text is not JSON.

        Raises:
            MissingKeyError: No key is set.
            LLMError: The call failed.
        """
        settings = self._settings()
        request = _request(system_instruction, user_prompt, schema, model_name, use_search=use_search)
        http = openai.DefaultHttpxClient(verify=tls_context())
        try:
            with translated(self._table), openai.OpenAI(**settings, http_client=http) as sdk:
                raw = sdk.responses.with_raw_response.create(**request)
                body, request_id = raw.content, raw.request_id
        except PolicyBlock as block:
            return LLMTextResponse(block_reason=block.reason, request_id=block.request_id)
        return self._response(body, request_id, model_name)

    async def generate_text_json_async(
        self,
        *,
        system_instruction: str,
        user_prompt: str,
        schema: Mapping[str, Any] | None,
        use_search: bool,
        model_name: str,
    ) -> LLMTextResponse:
        """:meth:`generate_text_json` without blocking the event loop."""
        settings = self._settings()
        request = _request(system_instruction, user_prompt, schema, model_name, use_search=use_search)
        http = openai.DefaultAsyncHttpxClient(verify=tls_context())
        try:
            with translated(self._table):
                async with openai.AsyncOpenAI(**settings, http_client=http) as sdk:
                    raw = await sdk.responses.with_raw_response.create(**request)
                    body, request_id = raw.content, raw.request_id
        except PolicyBlock as block:
            return LLMTextResponse(block_reason=block.reason, request_id=block.request_id)
        return self._response(body, request_id, model_name)

    def _settings(self) -> dict[str, Any]:
        return {
            "api_key": self._vendor.require_key(self._api_key),
            "base_url": self._base_url,
            "timeout": self._timeout_s,
            "max_retries": 0,
        }

    def _response(self, body: bytes, request_id: str | None, model_name: str) -> LLMTextResponse:
        """Return what an answer means.

        Raises:
            LLMError: It says that the call failed or was cancelled, or cannot be read.
        """
        answer = read_answer(self._vendor, _Response, body)
        if answer.status == "failed":
            code = (answer.error.code if answer.error else None) or ""
            raise self._vendor.failure(_FAILURES.get(code, InvalidRequestError), request_id=request_id)
        if answer.status == "cancelled":
            raise self._vendor.failure(CallCancelledError, request_id=request_id)
        reason = answer.incomplete_details.reason if answer.incomplete_details else None
        text = "".join(part.text or "" for part in answer.contents if part.type == "output_text")
        refused = "refusal" if any(part.type == "refusal" for part in answer.contents) else None
        counted = answer.usage or _Usage()
        usage = Usage(input_tokens=counted.input_tokens, output_tokens=counted.output_tokens)
        return LLMTextResponse(
            parsed=decoded_json(text),
            text=text,
            sources=tuple(_sources(answer)),
            block_reason="content_filter" if reason == "content_filter" else refused,
            finish_reason=reason or answer.status,
            request_id=request_id,
            model_version=answer.model,
            usage=usage,
            cost=Cost() if _has_extras(answer) else cost_from_table(self.provider, model_name, usage),
        )


def _request(
    system_instruction: str, user_prompt: str, schema: Mapping[str, Any] | None, model_name: str, *, use_search: bool
) -> dict[str, Any]:
    request: dict[str, Any] = {"model": model_name, "input": user_prompt, "store": False}
    if system_instruction:
        request["instructions"] = system_instruction
    if use_search:
        request["tools"] = [{"type": "web_search"}]
    if schema is not None and schema.get("type") == "object":
        request["text"] = {
            "format": {"type": "json_schema", "name": "answer", "schema": dict(schema), "strict": _is_strict(schema)}
        }
    else:
        # OpenAI's plain JSON mode refuses searches and lists, so the wish goes into the words.
        request["input"] = f"{user_prompt}\n\n{_ASK_FOR_JSON}"
    return request


def _is_strict(schema: object) -> bool:
    """Return whether OpenAI's strict mode would take the schema: every object closed, every property required."""
    if isinstance(schema, Mapping):
        properties = schema.get("properties")
        if isinstance(properties, Mapping) and (
            schema.get("additionalProperties") is not False or set(schema.get("required", ())) != set(properties)
        ):
            return False
        if schema.get("type") == "object" and properties is None:
            return False
        return all(_is_strict(inner) for inner in schema.values())
    return all(_is_strict(inner) for inner in schema) if isinstance(schema, list) else True


def _sources(answer: _Response) -> list[Source]:
    notes = [note for part in answer.contents for note in part.annotations or ()]
    return [Source(note.title or "", note.url) for note in notes if note.type == "url_citation" and note.url]


def _has_extras(answer: _Response) -> bool:
    """Return whether web searches or cached input make the price differ from that of the tokens."""
    searched = any(item.type == "web_search_call" for item in answer.output or ())
    details = answer.usage.input_tokens_details if answer.usage else None
    return searched or bool(details is not None and details.cached_tokens)
