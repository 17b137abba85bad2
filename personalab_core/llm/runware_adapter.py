"""Pictures from Runware, through the ``runware-sdk`` package (module ``runware``).

The REST transport and synchronous delivery are used: one round trip per picture, no
websocket that sends a paid request again when it reconnects. The SDK has no blocking
calls, so the blocking ones here run an event loop of their own. The task's type is
always named, because the SDK would otherwise ask another host about the model.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import copy
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Self

from personalab_core.errors import InvalidRequestError, LLMError, MissingDependencyError, OutputLostError
from personalab_core.llm.answers import Answer, read_answer
from personalab_core.llm.capabilities import NoText, NoVideo
from personalab_core.llm.client import ImagePart, LLMImageResponse, Part, Usage
from personalab_core.llm.connections import run_blocking, tls_context
from personalab_core.llm.media import data_uri, pixel_size, split_parts
from personalab_core.llm.model_table import RunwareModel, model_row
from personalab_core.llm.outputs import Outputs
from personalab_core.llm.prices import cost_from_table
from personalab_core.llm.vendor_errors import PolicyBlock, retry_after_s, translated
from personalab_core.schemas import Cost

try:
    import aiohttp
    from runware import RunOptions, RuntimeDependencies, Runware
except ImportError as error:
    raise MissingDependencyError(
        "The 'runware' provider needs the 'runware-sdk' package, which is not installed. "
        "Install it with: pip install runware-sdk"
    ) from error

from personalab_core.llm.runware_errors import VENDOR, table

KEY_VARIABLES = VENDOR.key_variables

DEFAULT_TIMEOUT_S = 180.0
"""Pictures take seconds to about a minute; the SDK's own default is twenty minutes."""

_TARGET_PX = 1024
_MAX_SEED = 2**31


class _Item(Answer):
    imageBase64Data: str | None = None  # noqa: N815  # the vendor's names
    cost: float | None = None
    seed: int | None = None
    NSFWContent: bool | None = None


class _Items(Answer):
    items: tuple[_Item, ...]


class RunwareAdapter(NoText, NoVideo):
    """Runware behind ``LLMClient``: pictures only. May be shared by threads and event loops.

    Args:
        api_key: The key, or ``None``: then the first call says which variable to set.
        base_url: Another server than Runware's, ending in ``/v1``.
        timeout_s: Time limit of one call in seconds.
        outputs: How files are checked.
        reference_input: Where reference pictures go, for a model that differs from the table.
        row: What else differs from the table of models.
    """

    provider = VENDOR.provider

    def __init__(
        self,
        *,
        api_key: str | None,
        base_url: str | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        outputs: Outputs | None = None,
        reference_input: str | None = None,
        row: Mapping[str, Any] | None = None,
    ) -> None:
        self._api_key = api_key
        self._base_url = base_url
        self._timeout_s = timeout_s
        self._outputs = outputs or Outputs(VENDOR.provider)
        self._reference_input = reference_input
        self._row = row
        self._seed: int | None = None

    def __repr__(self) -> str:
        return f"RunwareAdapter(key {'set' if self._api_key else 'missing'}, timeout_s={self._timeout_s:g})"

    def with_seed(self, seed: int) -> Self:
        """Return a client that sends this seed."""
        seeded = copy.copy(self)
        seeded._seed = seed % _MAX_SEED + 1
        return seeded

    def generate_image(self, *, parts: Sequence[Part], aspect_ratio: str, model_name: str) -> LLMImageResponse:
        """Return the picture, or none and why.

        Raises:
            MissingKeyError: No key is set.
            LLMError: The call failed.
        """
        return run_blocking(self.generate_image_async(parts=parts, aspect_ratio=aspect_ratio, model_name=model_name))

    async def generate_image_async(
        self, *, parts: Sequence[Part], aspect_ratio: str, model_name: str
    ) -> LLMImageResponse:
        """:meth:`generate_image` without blocking the event loop."""
        key = VENDOR.require_key(self._api_key)
        task = self._task(parts, aspect_ratio, model_name)
        try:
            items = await self._run(task, key)
        except PolicyBlock as block:
            return LLMImageResponse(block_reason=block.reason, request_id=block.request_id)
        return await asyncio.to_thread(self._response, items, task, model_name)

    async def _run(self, task: dict[str, Any], key: str) -> list[dict[str, Any]]:
        """Send one task; the SDK forgets ``Retry-After``, so it is overheard on the session."""
        heard: dict[str, str] = {}
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=tls_context()), trace_configs=[_listener(heard)]
        )
        settings: dict[str, Any] = {"http_base_url": self._base_url} if self._base_url else {}
        timeout_ms = round(self._timeout_s * 1000)
        async with session:
            try:
                with translated(table):
                    async with Runware(
                        api_key=key,
                        transport="rest",
                        max_retries=0,
                        timeout=timeout_ms,
                        dependencies=RuntimeDependencies(session=session),
                        **settings,
                    ) as sdk:
                        return await sdk.run(task, RunOptions(timeout=timeout_ms))
            except LLMError as error:
                error.retry_after_s = error.retry_after_s or retry_after_s(heard)
                raise

    def _task(self, parts: Sequence[Part], aspect_ratio: str, model_name: str) -> dict[str, Any]:
        row = model_row(VENDOR.provider, model_name, RunwareModel, self._row)
        text, pictures = split_parts(parts, provider=VENDOR.provider)
        width, height = _size(row, aspect_ratio)
        task: dict[str, Any] = {
            "taskType": "imageInference",
            "taskUUID": str(uuid.uuid4()),
            "model": model_name,
            "positivePrompt": text,
            "width": width,
            "height": height,
            "numberResults": 1,
            "outputType": "base64Data",
            "outputFormat": "PNG",
            "deliveryMethod": "sync",
            "includeCost": True,
        }
        if self._seed is not None:
            task["seed"] = self._seed
        if pictures:
            _put(task, self._reference_key(row, pictures), [data_uri(picture) for picture in pictures])
        return task

    def _reference_key(self, row: RunwareModel, pictures: Sequence[ImagePart]) -> str:
        key = self._reference_input or row.reference_input
        if key is None or len(pictures) > row.max_references:
            most = row.max_references if key else 0
            raise InvalidRequestError(
                f"this model takes at most {most} reference pictures, got {len(pictures)}", provider=VENDOR.provider
            )
        return key

    def _response(self, items: list[dict[str, Any]], task: dict[str, Any], model_name: str) -> LLMImageResponse:
        answer = read_answer(VENDOR, _Items, {"items": items})
        flagged = any(item.NSFWContent for item in answer.items)
        shown = [item.imageBase64Data for item in answer.items if item.imageBase64Data and not item.NSFWContent]
        images = [self._outputs.picture(_decoded(data)) for data in shown]
        usage = Usage(n_images=len(images))
        return LLMImageResponse(
            images=images,
            block_reason="NSFWContent" if flagged and not images else None,
            finish_reason=None if images or flagged else "EMPTY",
            request_id=str(task["taskUUID"]),
            seed=next((item.seed for item in answer.items if item.seed is not None), self._seed),
            usage=usage,
            cost=_cost(answer.items, usage, model_name),
        )


def _listener(heard: dict[str, str]) -> aiohttp.TraceConfig:
    """Return a listener that keeps the headers of the last answer in ``heard``."""

    async def keep(_session: object, _context: object, ended: aiohttp.TraceRequestEndParams) -> None:
        heard.update({name.lower(): value for name, value in ended.response.headers.items()})

    listener = aiohttp.TraceConfig()
    listener.on_request_end.append(keep)
    return listener


def _size(row: RunwareModel, aspect_ratio: str) -> tuple[int, int]:
    if aspect_ratio in row.sizes:
        return row.sizes[aspect_ratio]
    if row.sizes:
        raise InvalidRequestError(
            f"this model does not make {aspect_ratio}; it makes {', '.join(row.sizes)}", provider=VENDOR.provider
        )
    return pixel_size(
        aspect_ratio,
        step_px=row.step_px,
        min_px=row.min_px,
        max_px=row.max_px,
        target_px=_TARGET_PX,
        provider=VENDOR.provider,
    )


def _put(task: dict[str, Any], dotted_key: str, value: object) -> None:
    *outer, last = dotted_key.split(".")
    for name in outer:
        task = task.setdefault(name, {})
    task[last] = value


def _decoded(data: str) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error:
        raise VENDOR.failure(OutputLostError) from None


def _cost(items: Sequence[_Item], usage: Usage, model_name: str) -> Cost:
    """Return what the answer says it cost; the table is asked only if it does not."""
    stated = [item.cost for item in items if item.cost is not None]
    if stated and len(stated) == len(items):
        return Cost(amount_usd=sum(stated), source="provider")
    return cost_from_table(VENDOR.provider, model_name, usage)
