"""Any plain HTTP endpoint: a ComfyUI on this machine, a vLLM server, a company's own service.

How it is spoken to stands in the configuration (:mod:`personalab_core.llm.http_recipe`).
There is one asynchronous implementation; the blocking methods run it in an event loop of
their own, and every call has connections of its own, so that nothing is bound to a loop.
Headers go to the endpoint itself only: a file that lies elsewhere is fetched without them.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import copy
import hashlib
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Self
from urllib.parse import urljoin

import httpx

from personalab_core.errors import (
    InvalidRequestError,
    LLMError,
    MissingKeyError,
    OutputLostError,
    ProviderServerError,
)
from personalab_core.llm.answers import decoded_json
from personalab_core.llm.capabilities import NoImages, NoText, NoVideo
from personalab_core.llm.client import ImagePart, LLMImageResponse, LLMTextResponse, Part, Usage
from personalab_core.llm.connections import run_blocking, tls_context
from personalab_core.llm.http_recipe import PROVIDER, Recipe, Request, filled, filled_path, found, placeholders
from personalab_core.llm.media import data_uri, split_parts
from personalab_core.llm.outputs import Outputs
from personalab_core.llm.polling import Patience, collecting
from personalab_core.llm.prices import cost_from_table
from personalab_core.llm.vendor_errors import Vendor, code_words, status_failure, transport_failure
from personalab_core.schemas import Cost

VENDOR = Vendor(PROVIDER, ())
_MAX_SEED = 2**31
_MAX_WORD = 60
_FILE_PATIENCE_S = 60.0
"""How long a picture's file is asked for while its host fails."""

Secret = Callable[..., "str | None"]
"""Returns the value of the first variable that is set, as ``Config.secret`` does."""


@dataclass(frozen=True, slots=True)
class _Answered:
    """An answer below 300: its bytes, and their JSON if they are JSON."""

    content: bytes
    data: Any


class Endpoint:
    """Sends requests to one endpoint as its recipe says.

    Args:
        recipe: How it is spoken to.
        secret: Where the variables that its headers name come from.
        patience: How a job is waited for; as the recipe says if ``None``.
        outputs: How pictures are fetched and checked.
    """

    def __init__(
        self, recipe: Recipe, *, secret: Secret, patience: Patience | None = None, outputs: Outputs | None = None
    ) -> None:
        job = recipe.job
        self.recipe = recipe
        self.outputs = outputs or Outputs(PROVIDER)
        self.patience = patience or (
            Patience(interval_s=job.interval_s, timeout_s=job.timeout_s)
            if job
            else Patience(interval_s=1.0, timeout_s=_FILE_PATIENCE_S)
        )
        self._secret = secret

    def headers(self) -> dict[str, str]:
        """Return the headers with their variables filled in.

        Raises:
            MissingKeyError: A variable is not set; names it.
        """
        values = {}
        for name in self.recipe.variables():
            value = self._secret(name)
            if value is None:
                raise MissingKeyError(
                    f"The provider {PROVIDER!r} needs the variable {name}, which its headers name: "
                    "set it in the environment or in .env."
                )
            values[f"env.{name}"] = value
        return {name: str(filled(text, values)) for name, text in self.recipe.headers.items()}

    async def send(self, request: Request, values: Mapping[str, Any], pictures: Sequence[ImagePart]) -> _Answered:
        """Return the answer to a request, pictures sent ahead if the endpoint wants that.

        Raises:
            LLMError: It failed.
        """
        headers = self.headers()
        async with self._client(headers) as client:
            if self.recipe.upload is not None and pictures:
                names = [await self._upload(client, picture) for picture in pictures]
                values = {**values, "reference_name": names[0], "reference_names": names}
            url = self._address(filled_path(request.path, values))
            body = filled(request.body, values)
            if request.picture_field:
                form = {name: v if isinstance(v, str) else json.dumps(v) for name, v in (body or {}).items()}
                files = [(request.picture_field, _file(picture)) for picture in pictures]
                return await self._exchange(client, request.method, url, data=form, files=files)
            return await self._exchange(client, request.method, url, json=body)

    async def look(self, job_id: str) -> Any | None:
        """Return a job's decoded result; ``None`` while it runs."""
        job = self.recipe.job
        assert job is not None  # noqa: S101  # only clients of endpoints with jobs look
        url = self._address(filled_path(job.path, {"job": job_id}))
        async with self._client(self.headers()) as client:
            answered = await self._exchange(client, "GET", url)
        if answered.data is None:
            raise VENDOR.failure(OutputLostError)
        return answered.data if found(job.done, answered.data) else None

    async def picture(self, item: Any, job_id: str) -> bytes:
        """Return one picture of an answer.

        Raises:
            OutputLostError: It is gone or not a picture.
            ProviderServerError: It could not be fetched for now.
        """
        answer = self.recipe.answer
        if answer.file is not None:
            members = {f"item.{name}": value for name, value in item.items()} if isinstance(item, Mapping) else {}
            try:
                path = filled_path(answer.file, {"item": item, "job": job_id, **members})
            except KeyError:
                raise VENDOR.failure(OutputLostError) from None
            return await self._checked(await self.outputs.fetch_async(self._address(path), headers=self.headers()))
        if not isinstance(item, str):
            raise VENDOR.failure(OutputLostError)
        if answer.pictures_as == "url" and not item.startswith("data:"):
            return await self._checked(await self.outputs.fetch_async(urljoin(f"{self._base}/", item)))
        return await self._checked(_decoded(item))

    async def _checked(self, data: bytes) -> bytes:
        return await asyncio.to_thread(self.outputs.picture, data)

    @property
    def _base(self) -> str:
        return self.recipe.base_url.rstrip("/")

    def _address(self, path: str) -> str:
        return f"{self._base}{path}"

    def _client(self, headers: Mapping[str, str]) -> httpx.AsyncClient:
        return httpx.AsyncClient(headers=dict(headers), timeout=self.recipe.timeout_s, verify=tls_context())

    async def _upload(self, client: httpx.AsyncClient, picture: ImagePart) -> str:
        upload = self.recipe.upload
        assert upload is not None  # noqa: S101  # asked before
        url = self._address(upload.path)
        answered = await self._exchange(
            client, "POST", url, data=upload.form, files=[(upload.field, _file(picture))], is_free=True
        )
        name = found(upload.name, answered.data)
        if not isinstance(name, str) or not name:
            raise VENDOR.failure(ProviderServerError, advice="a reference picture was taken without a name for it")
        return name

    async def _exchange(
        self, client: httpx.AsyncClient, method: str, url: str, *, is_free: bool = False, **content: Any
    ) -> _Answered:
        try:
            async with client.stream(method, url, **content) as answer:
                raw = await self._read(answer)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            failure = transport_failure(VENDOR, error) or VENDOR.failure(OutputLostError)
            if is_free:  # nothing that costs was asked yet, so it may be repeated
                failure = VENDOR.failure(ProviderServerError, advice="a reference picture could not be sent")
            raise failure from None
        data = _json_or_none(raw)
        if answer.status_code >= 300:
            raise status_failure(VENDOR, answer.status_code, headers=answer.headers, body=data)
        return _Answered(raw, data)

    async def _read(self, answer: httpx.Response) -> bytes:
        data = bytearray()
        async for chunk in answer.aiter_bytes():
            data += chunk
            if len(data) > self.outputs.max_bytes:
                raise VENDOR.failure(OutputLostError, advice="the answer is larger than allowed")
        return bytes(data)


class _HttpClient:
    """What clients of an endpoint have in common."""

    provider = PROVIDER

    def __init__(self, endpoint: Endpoint, *, draw_seed: Callable[[int], int] | None = None) -> None:
        self._endpoint = endpoint
        self._draw_seed = draw_seed or random.SystemRandom().randrange
        self._seed: int | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._endpoint.recipe.base_url})"

    def with_seed(self, seed: int) -> Self:
        """Return a client that fills this in for ``${seed}``."""
        seeded = copy.copy(self)
        seeded._seed = seed % _MAX_SEED
        return seeded

    def _next_seed(self) -> int:
        """Return the fixed seed, or a new one: a server that is sent none twice may answer from its memory."""
        return self._draw_seed(_MAX_SEED) if self._seed is None else self._seed

    def _raise_if_failed(self, data: Any) -> None:
        if found(self._endpoint.recipe.answer.failed, data):
            raise VENDOR.failure(ProviderServerError, advice="the endpoint says that it failed", words=code_words(data))

    def _block_reason(self, data: Any) -> str | None:
        said = found(self._endpoint.recipe.answer.blocked, data)
        if not said:
            return None
        is_word = isinstance(said, str) and len(said) <= _MAX_WORD and said.replace("_", "").isalpha()
        return str(said) if is_word else "blocked"

    def _cost(self, data: Any, model_name: str, usage: Usage) -> Cost:
        recipe = self._endpoint.recipe
        stated = found(recipe.answer.cost_usd, data)
        if isinstance(stated, (int, float)) and not isinstance(stated, bool):
            return Cost(amount_usd=float(stated), source="provider")
        if recipe.price_usd is not None:
            return Cost(amount_usd=recipe.price_usd, source="configuration")
        return cost_from_table(PROVIDER, model_name, usage)


class HttpTextAdapter(_HttpClient, NoImages, NoVideo):
    """An endpoint that writes text, behind ``LLMClient``."""

    def generate_text_json(
        self,
        *,
        system_instruction: str,
        user_prompt: str,
        schema: Mapping[str, Any] | None,
        use_search: bool,
        model_name: str,
    ) -> LLMTextResponse:
        """Return decoded JSON; nothing is searched.

        Raises:
            MissingKeyError: A variable that a header names is not set.
            LLMError: The call failed.
        """
        return run_blocking(
            self.generate_text_json_async(
                system_instruction=system_instruction,
                user_prompt=user_prompt,
                schema=schema,
                use_search=use_search,
                model_name=model_name,
            )
        )

    async def generate_text_json_async(
        self,
        *,
        system_instruction: str,
        user_prompt: str,
        schema: Mapping[str, Any] | None,
        use_search: bool,  # noqa: ARG002  # a plain endpoint has no search
        model_name: str,
    ) -> LLMTextResponse:
        """:meth:`generate_text_json` without blocking the event loop."""
        values = {
            "model": model_name,
            "system": system_instruction,
            "prompt": user_prompt,
            "schema": dict(schema) if schema is not None else {},
            "seed": self._next_seed(),
        }
        answered = await self._endpoint.send(self._endpoint.recipe.request, values, ())
        data = answered.data
        if data is None:
            raise VENDOR.failure(OutputLostError)
        self._raise_if_failed(data)
        answer = self._endpoint.recipe.answer
        text = found(answer.text, data)
        if text is not None and not isinstance(text, str):
            raise VENDOR.failure(OutputLostError)
        usage = Usage(
            input_tokens=_whole(found(answer.input_tokens, data)),
            output_tokens=_whole(found(answer.output_tokens, data)),
        )
        return LLMTextResponse(
            parsed=decoded_json(text or ""),
            text=text or "",
            block_reason=self._block_reason(data),
            finish_reason=None if text else "EMPTY",
            usage=usage,
            cost=self._cost(data, model_name, usage),
        )


class HttpImageAdapter(_HttpClient, NoText, NoVideo):
    """An endpoint that answers with pictures at once, behind ``LLMClient``."""

    def generate_image(self, *, parts: Sequence[Part], aspect_ratio: str, model_name: str) -> LLMImageResponse:
        """Return the pictures, or none and why.

        Raises:
            MissingKeyError: A variable that a header names is not set.
            LLMError: The call failed.
        """
        return run_blocking(self.generate_image_async(parts=parts, aspect_ratio=aspect_ratio, model_name=model_name))

    async def generate_image_async(
        self, *, parts: Sequence[Part], aspect_ratio: str, model_name: str
    ) -> LLMImageResponse:
        """:meth:`generate_image` without blocking the event loop."""
        answered, seed = await self._asked(parts, aspect_ratio, model_name)
        if self._endpoint.recipe.answer.pictures_as == "body":
            picture = await asyncio.to_thread(self._endpoint.outputs.picture, answered.content)
            return self._response({}, [picture], seed, model_name)
        if answered.data is None:
            raise VENDOR.failure(OutputLostError)
        return await self._read(answered.data, seed=seed, model_name=model_name)

    async def _asked(self, parts: Sequence[Part], aspect_ratio: str, model_name: str) -> tuple[_Answered, int]:
        """Return the answer to the request for these parts, and the seed sent."""
        text, pictures = split_parts(parts, provider=PROVIDER)
        recipe = self._endpoint.recipe
        request = recipe.request_with_references if pictures and recipe.request_with_references else recipe.request
        _check_references(recipe, request, pictures)
        width, height = recipe.shape.pixels(aspect_ratio)
        seed = self._next_seed()
        values = {
            "model": model_name,
            "prompt": text,
            "seed": seed,
            "aspect_ratio": aspect_ratio,
            "width": width,
            "height": height,
            **_pictured(pictures),
        }
        return await self._endpoint.send(request, values, pictures), seed

    async def _read(
        self, data: Any, *, seed: int | None = None, model_name: str = "*", job_id: str = ""
    ) -> LLMImageResponse:
        """Return what a decoded answer means, its pictures fetched."""
        self._raise_if_failed(data)
        items = found(self._endpoint.recipe.answer.pictures, data)
        items = items if isinstance(items, list) else [] if items is None else [items]
        if self._block_reason(data) is not None:
            items = []
        endpoint = self._endpoint
        try:
            pictures = [await endpoint.patience.until_async(partial(endpoint.picture, item, job_id)) for item in items]
        except ProviderServerError:
            # Made, and perhaps paid, but not to be had: nothing that a second request would mend for free.
            raise VENDOR.failure(OutputLostError, advice="the picture was made, but could not be fetched") from None
        return self._response(data, pictures, seed, model_name, job_id)

    def _response(
        self, data: Any, pictures: list[bytes], seed: int | None, model_name: str, job_id: str = ""
    ) -> LLMImageResponse:
        usage, blocked = Usage(n_images=len(pictures)), self._block_reason(data)
        told = _whole(found(self._endpoint.recipe.answer.seed, data))
        return LLMImageResponse(
            images=pictures,
            block_reason=blocked,
            finish_reason=None if pictures or blocked else "EMPTY",
            request_id=job_id or None,
            seed=seed if told is None else told,
            usage=usage,
            cost=self._cost(data, model_name, usage),
        )


class HttpJobAdapter(HttpImageAdapter):
    """An endpoint whose pictures are made by jobs; can be collected from again (``ResumableImages``)."""

    async def generate_image_async(
        self, *, parts: Sequence[Part], aspect_ratio: str, model_name: str
    ) -> LLMImageResponse:
        """:meth:`generate_image` without blocking the event loop."""
        job_id = await self.submit_image_async(parts=parts, aspect_ratio=aspect_ratio, model_name=model_name)
        return await self.collect_image_async(job_id)

    def submit_image(self, *, parts: Sequence[Part], aspect_ratio: str, model_name: str) -> str:
        """Start a job and return its id at once."""
        return run_blocking(self.submit_image_async(parts=parts, aspect_ratio=aspect_ratio, model_name=model_name))

    async def submit_image_async(self, *, parts: Sequence[Part], aspect_ratio: str, model_name: str) -> str:
        """:meth:`submit_image` without blocking the event loop."""
        answered, _ = await self._asked(parts, aspect_ratio, model_name)
        job = self._endpoint.recipe.job
        identifier = found(job.id if job else None, answered.data)
        if isinstance(identifier, (str, int)) and not isinstance(identifier, bool) and identifier != "":
            return str(identifier)
        self._raise_if_failed(answered.data)
        raise VENDOR.failure(OutputLostError)

    def collect_image(self, operation_id: str) -> LLMImageResponse:
        """Wait for a job and return its pictures; may be called for as long as the endpoint keeps them."""
        return run_blocking(self.collect_image_async(operation_id))

    async def collect_image_async(self, operation_id: str) -> LLMImageResponse:
        """:meth:`collect_image` without blocking the event loop."""
        with collecting(PROVIDER, operation_id):
            data = await self._endpoint.patience.until_async(partial(self._endpoint.look, operation_id))
        try:
            self._raise_if_failed(data)
        except LLMError as error:
            error.request_id = operation_id
            raise
        with collecting(PROVIDER, operation_id):
            return await self._read(data, job_id=operation_id)


def _check_references(recipe: Recipe, request: Request, pictures: Sequence[ImagePart]) -> None:
    """Refuse pictures that would be left out, and a template that would lack one.

    Raises:
        InvalidRequestError: Nothing was sent.
    """
    used = {name for name in placeholders(request.body) if name.startswith("reference")}
    takes = recipe.max_references if used or request.picture_field else 0
    if takes and not {"references", "reference_uris", "reference_names"} & used and not request.picture_field:
        takes = 1
    if len(pictures) > takes:
        raise InvalidRequestError(
            f"this endpoint's recipe takes {takes} reference pictures, got {len(pictures)}; "
            "docs/providers.md says how they are sent",
            provider=PROVIDER,
        )
    if used and not pictures:
        raise InvalidRequestError(
            "the request has a place for a reference picture and there is none; write one without it in "
            "models.image.http.request, and this one in request_with_references",
            provider=PROVIDER,
        )


def _pictured(pictures: Sequence[ImagePart]) -> dict[str, Any]:
    if not pictures:
        return {}
    encoded = [base64.b64encode(picture.data).decode("ascii") for picture in pictures]
    uris = [data_uri(picture) for picture in pictures]
    return {"reference": encoded[0], "references": encoded, "reference_uri": uris[0], "reference_uris": uris}


def _file(picture: ImagePart) -> tuple[str, bytes, str]:
    """Return a file of a form; its name tells the content, so that two pictures never take each other's place."""
    ending = picture.mime_type.partition("/")[2] or "png"
    return f"{hashlib.sha256(picture.data).hexdigest()[:16]}.{ending}", picture.data, picture.mime_type


def _decoded(text: str) -> bytes:
    encoded = text.partition(",")[2] if text.startswith("data:") else text
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise VENDOR.failure(OutputLostError) from None


def _json_or_none(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
