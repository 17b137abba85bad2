"""Pictures from models on Replicate, through the ``replicate`` package.

A prediction is created and then looked at with our own polling: the package's ``run``
returns nothing at all when a prediction is cancelled or takes longer than it waits.
Pictures are fetched by a client without the token, which the package's own would hand
to whatever host serves the file. Where reference pictures and the shape go differs from
model to model; the table is ``data/providers/models.yml``.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import copy
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Self

from personalab_core.errors import (
    CallCancelledError,
    InvalidRequestError,
    MissingDependencyError,
    OutputLostError,
    ProviderServerError,
)
from personalab_core.llm.capabilities import NoText, NoVideo
from personalab_core.llm.client import ImagePart, LLMImageResponse, Part, Usage
from personalab_core.llm.media import data_uri, pixel_size, reduced_ratio, split_parts
from personalab_core.llm.model_table import ReplicateModel, model_row
from personalab_core.llm.outputs import Outputs
from personalab_core.llm.polling import Patience, collecting
from personalab_core.llm.prices import cost_from_table
from personalab_core.llm.vendor_errors import translated

try:
    from replicate.client import Client
    from replicate.pagination import Page
    from replicate.prediction import Prediction
except ImportError as error:
    raise MissingDependencyError(
        "The 'replicate' provider needs the 'replicate' package, which is not installed. "
        "Install it with: pip install replicate"
    ) from error

from personalab_core.llm.replicate_errors import VENDOR, Transport, policy_block, table
from personalab_core.llm.replicate_search import PredictionSearch

KEY_VARIABLES = VENDOR.key_variables

DEFAULT_TIMEOUT_S = 60.0
"""Of one request; a prediction as a whole may take as long as the patience says."""

_FINISHED = frozenset({"succeeded", "failed", "canceled"})
_MAX_SEED = 2**31


class ReplicateAdapter(NoText, NoVideo):
    """Replicate behind ``LLMClient``: pictures only. May be shared by threads and event loops.

    Args:
        api_key: The token, or ``None``: then the first call says which variable to set.
        base_url: Another server than Replicate's, without ``/v1``.
        timeout_s: Time limit of one request in seconds, for connecting and for each silence.
        patience: How a prediction is waited for.
        outputs: How files are fetched.
        reference_input: Input key of reference pictures, for a model that the table does not know.
        row: What else differs from the table of models.
    """

    provider = VENDOR.provider

    def __init__(
        self,
        *,
        api_key: str | None,
        base_url: str | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        patience: Patience | None = None,
        outputs: Outputs | None = None,
        reference_input: str | None = None,
        row: Mapping[str, Any] | None = None,
    ) -> None:
        self._api_key = api_key
        self._base_url = base_url
        self._timeout_s = timeout_s
        self._patience = patience or Patience(interval_s=1.0, timeout_s=600.0)
        self._outputs = outputs or Outputs(VENDOR.provider)
        self._reference_input = reference_input
        self._row = row
        self._seed: int | None = None

    def __repr__(self) -> str:
        return f"ReplicateAdapter(key {'set' if self._api_key else 'missing'}, timeout_s={self._timeout_s:g})"

    def with_seed(self, seed: int) -> Self:
        """Return a client that sends this seed to models that take one."""
        seeded = copy.copy(self)
        seeded._seed = seed % _MAX_SEED
        return seeded

    def generate_image(self, *, parts: Sequence[Part], aspect_ratio: str, model_name: str) -> LLMImageResponse:
        """Return the pictures of a prediction, or none and why.

        Raises:
            MissingKeyError: No token is set.
            LLMError: The call failed; ``request_id`` is the prediction's id once there is one.
        """
        return self.collect_image(self.submit_image(parts=parts, aspect_ratio=aspect_ratio, model_name=model_name))

    async def generate_image_async(
        self, *, parts: Sequence[Part], aspect_ratio: str, model_name: str
    ) -> LLMImageResponse:
        """:meth:`generate_image` without blocking the event loop."""
        operation_id = await self.submit_image_async(parts=parts, aspect_ratio=aspect_ratio, model_name=model_name)
        return await self.collect_image_async(operation_id)

    def submit_image(self, *, parts: Sequence[Part], aspect_ratio: str, model_name: str) -> str:
        """Start a prediction and return its id at once."""
        sdk, transport = self._open(is_async=False)
        request = self._request(parts, aspect_ratio, model_name)
        try:
            with translated(table):
                if "version" in request:
                    return sdk.predictions.create(**request).id
                return sdk.models.predictions.create(**request).id
        finally:
            transport.close()

    async def submit_image_async(self, *, parts: Sequence[Part], aspect_ratio: str, model_name: str) -> str:
        """:meth:`submit_image` without blocking the event loop."""
        sdk, transport = self._open(is_async=True)
        request = self._request(parts, aspect_ratio, model_name)
        try:
            with translated(table):
                if "version" in request:
                    return (await sdk.predictions.async_create(**request)).id
                return (await sdk.models.predictions.async_create(**request)).id
        finally:
            await transport.aclose()

    def collect_image(self, operation_id: str) -> LLMImageResponse:
        """Wait for a prediction and return its pictures; may be called again within the hour."""
        sdk, transport = self._open(is_async=False)
        try:
            with collecting(VENDOR.provider, operation_id):
                prediction = self._patience.until(partial(_look, sdk, operation_id))
        finally:
            transport.close()
        urls = _outputs_of(prediction)
        with collecting(VENDOR.provider, operation_id):
            images = [self._patience.until(partial(self._fetch, url)) for url in urls]
        return self._response(prediction, images)

    async def collect_image_async(self, operation_id: str) -> LLMImageResponse:
        """:meth:`collect_image` without blocking the event loop."""
        sdk, transport = self._open(is_async=True)
        try:
            with collecting(VENDOR.provider, operation_id):
                prediction = await self._patience.until_async(partial(_look_async, sdk, operation_id))
        finally:
            await transport.aclose()
        urls = _outputs_of(prediction)
        with collecting(VENDOR.provider, operation_id):
            images = [await self._patience.until_async(partial(self._fetch_async, url)) for url in urls]
        return self._response(prediction, images)

    def find_image(
        self, *, parts: Sequence[Part], aspect_ratio: str, model_name: str, since: datetime, others: Collection[str]
    ) -> str | None:
        """Return the id of the prediction that this request has started, if Replicate's list shows exactly one.

        Without a seed requests cannot be told apart, and it is ``None``.
        """
        search = self._search(parts, aspect_ratio, model_name, since, others)
        sdk, transport = self._open(is_async=False)
        try:
            while search is not None and (path := search.next_path) is not None:
                search.take(self._patience.until(partial(_listed, sdk, path)))
        finally:
            transport.close()
        return search.found if search else None

    async def find_image_async(
        self, *, parts: Sequence[Part], aspect_ratio: str, model_name: str, since: datetime, others: Collection[str]
    ) -> str | None:
        """:meth:`find_image` without blocking the event loop."""
        search = self._search(parts, aspect_ratio, model_name, since, others)
        sdk, transport = self._open(is_async=True)
        try:
            while search is not None and (path := search.next_path) is not None:
                search.take(await self._patience.until_async(partial(_listed_async, sdk, path)))
        finally:
            await transport.aclose()
        return search.found if search else None

    def _search(
        self, parts: Sequence[Part], aspect_ratio: str, model_name: str, since: datetime, others: Collection[str]
    ) -> PredictionSearch | None:
        request = self._request(parts, aspect_ratio, model_name)
        seed_input = model_row(VENDOR.provider, model_name, ReplicateModel, self._row).seed_input
        return PredictionSearch(request, since, others) if seed_input in request["input"] else None

    def _open(self, *, is_async: bool) -> tuple[Client, Transport]:
        """Return a client of the package and the connections to close after use."""
        key = VENDOR.require_key(self._api_key)
        transport = Transport(self._timeout_s, is_async=is_async)
        return Client(api_token=key, base_url=self._base_url, transport=transport), transport

    def _request(self, parts: Sequence[Part], aspect_ratio: str, model_name: str) -> dict[str, Any]:
        row = model_row(VENDOR.provider, model_name, ReplicateModel, self._row)
        text, pictures = split_parts(parts, provider=VENDOR.provider)
        inputs = {"prompt": text, **row.extra, **_shape(row, aspect_ratio), **self._references(row, pictures)}
        if self._seed is not None and row.seed_input:
            inputs[row.seed_input] = self._seed
        owner_and_name, _, version = model_name.partition(":")
        target = {"version": version} if version else {"model": owner_and_name}
        return {**target, "input": inputs}

    def _references(self, row: ReplicateModel, pictures: Sequence[ImagePart]) -> dict[str, Any]:
        if not pictures:
            return {}
        key = self._reference_input or row.reference_input
        if key is None:
            raise InvalidRequestError(
                "it is not known under which input key this model takes reference pictures; "
                "set models.image.reference_input to the key on the model's page",
                provider=VENDOR.provider,
            )
        if len(pictures) > row.max_references:
            raise InvalidRequestError(
                f"this model takes at most {row.max_references} reference pictures, got {len(pictures)}",
                provider=VENDOR.provider,
            )
        uris = [data_uri(picture) for picture in pictures]
        return {key: uris if row.reference_list or len(uris) > 1 else uris[0]}

    def _fetch(self, url: str) -> bytes:
        return self._outputs.picture(_inline(url) if url.startswith("data:") else self._outputs.fetch(url))

    async def _fetch_async(self, url: str) -> bytes:
        data = _inline(url) if url.startswith("data:") else await self._outputs.fetch_async(url)
        return await asyncio.to_thread(self._outputs.picture, data)

    def _response(self, prediction: Prediction, images: list[bytes]) -> LLMImageResponse:
        usage = Usage(n_images=len(images), seconds=(prediction.metrics or {}).get("predict_time"))
        return LLMImageResponse(
            images=images,
            block_reason=policy_block(prediction.error) if prediction.status == "failed" else None,
            finish_reason=prediction.status,
            request_id=prediction.id,
            model_version=prediction.version,
            seed=self._seed,
            usage=usage,
            cost=cost_from_table(VENDOR.provider, prediction.model, usage),
        )


def _look(sdk: Client, operation_id: str) -> Prediction | None:
    with translated(table):
        prediction = sdk.predictions.get(operation_id)
    return prediction if prediction.status in _FINISHED else None


async def _look_async(sdk: Client, operation_id: str) -> Prediction | None:
    with translated(table):
        prediction = await sdk.predictions.async_get(operation_id)
    return prediction if prediction.status in _FINISHED else None


def _listed(sdk: Client, path: str) -> Page[Prediction]:
    with translated(table):
        return sdk.predictions.list(path)


async def _listed_async(sdk: Client, path: str) -> Page[Prediction]:
    with translated(table):
        return await sdk.predictions.async_list(path)


def _outputs_of(prediction: Prediction) -> list[str]:
    """Return the addresses of a finished prediction's pictures; none if a policy blocked it.

    Raises:
        CallCancelledError: Somebody cancelled it.
        ProviderServerError: It failed, and not for reasons of policy.
        OutputLostError: Its output is not a list of addresses.
    """
    if prediction.status == "canceled":
        raise VENDOR.failure(CallCancelledError, request_id=prediction.id)
    if prediction.status == "failed":
        if policy_block(prediction.error) is None:
            raise VENDOR.failure(ProviderServerError, advice="the prediction failed", request_id=prediction.id)
        return []
    output = prediction.output
    urls = [output] if isinstance(output, str) else output or []
    if not isinstance(urls, list) or not all(isinstance(url, str) for url in urls):
        raise VENDOR.failure(OutputLostError, request_id=prediction.id)
    return urls


def _shape(row: ReplicateModel, aspect_ratio: str) -> dict[str, Any]:
    """Return the inputs that ask for a shape.

    Raises:
        InvalidRequestError: The model does not make that shape.
    """
    wanted = reduced_ratio(aspect_ratio, provider=VENDOR.provider)
    if row.pixels:
        width, height = pixel_size(
            aspect_ratio, step_px=64, min_px=512, max_px=1536, target_px=1024, provider=VENDOR.provider
        )
        return {"width": width, "height": height}
    if not row.aspect_ratios:
        return {"aspect_ratio": aspect_ratio}
    for known in row.aspect_ratios:
        if reduced_ratio(known, provider=VENDOR.provider) == wanted:
            return {"aspect_ratio": known}
    raise InvalidRequestError(
        f"this model does not make {aspect_ratio}; it makes {', '.join(row.aspect_ratios)}", provider=VENDOR.provider
    )


def _inline(uri: str) -> bytes:
    """Return the bytes of a ``data:`` URI; small outputs come that way."""
    try:
        return base64.b64decode(uri.partition(",")[2], validate=True)
    except binascii.Error:
        raise VENDOR.failure(OutputLostError) from None
