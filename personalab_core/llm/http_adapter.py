"""Any plain HTTP endpoint behind ``LLMClient``: a ComfyUI on this machine, a vLLM server, a company's own service.

How it is spoken to stands in the configuration (:mod:`personalab_core.llm.http_recipe`).
There is one asynchronous implementation; the blocking methods run it in an event loop of their own.
"""

from __future__ import annotations

import asyncio
import base64
import copy
import random
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Self

from personalab_core.errors import InvalidRequestError, LLMError, OutputLostError, ProviderServerError
from personalab_core.llm.answers import decoded_json
from personalab_core.llm.capabilities import NoImages, NoText, NoVideo
from personalab_core.llm.client import ImagePart, LLMImageResponse, LLMTextResponse, Part, Usage
from personalab_core.llm.connections import run_blocking
from personalab_core.llm.http_endpoint import VENDOR, Answered, Endpoint
from personalab_core.llm.http_recipe import PROVIDER, Recipe, Request, found, placeholders
from personalab_core.llm.media import data_uri, split_parts
from personalab_core.llm.polling import collecting
from personalab_core.llm.prices import cost_from_table
from personalab_core.llm.vendor_errors import code_words
from personalab_core.schemas import Cost

_MAX_SEED = 2**31
_MAX_WORD = 60


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

    async def _asked(self, parts: Sequence[Part], aspect_ratio: str, model_name: str) -> tuple[Answered, int]:
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


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
