"""Videos from Runway, through the ``runwayml`` package.

A task is created and then looked at with our own polling: the package's blocking wait
goes on until its time limit when a task is cancelled. Its own retries are off, because a
repeated creation starts a second paid task. The video is fetched without credentials.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Self

from personalab_core.errors import CallCancelledError, InvalidRequestError, LLMError, MissingDependencyError
from personalab_core.llm.answers import Answer, read_answer
from personalab_core.llm.capabilities import NoImages, NoText
from personalab_core.llm.client import ImagePart, LLMVideoResponse, Part, Usage
from personalab_core.llm.connections import tls_context
from personalab_core.llm.media import data_uri, reduced_ratio, split_parts
from personalab_core.llm.model_table import RunwayModel, model_row
from personalab_core.llm.outputs import Outputs
from personalab_core.llm.polling import Patience, collecting
from personalab_core.llm.prices import cost_from_table
from personalab_core.llm.vendor_errors import translated

try:
    import runwayml
except ImportError as error:
    raise MissingDependencyError(
        "The 'runway' provider needs the 'runwayml' package, which is not installed. "
        "Install it with: pip install runwayml"
    ) from error

from personalab_core.llm.runway_errors import VENDOR, table, task_failure

KEY_VARIABLES = VENDOR.key_variables

DEFAULT_TIMEOUT_S = 60.0
"""Of one request; a task as a whole may take as long as the patience says."""

_MAX_DATA_URI = 5 * 1024 * 1024
"""Runway's limit for a picture sent inside the request."""
_MAX_SEED = 2**32


class _Created(Answer):
    id: str


class _Cost(Answer):
    credits: float | None = None


class _Task(Answer):
    id: str
    status: str
    output: tuple[str, ...] | None = None
    failureCode: str | None = None  # noqa: N815  # the vendor's name
    cost: _Cost | None = None


class RunwayAdapter(NoText, NoImages):
    """Runway behind ``LLMClient``: video only. May be shared by threads and event loops.

    Args:
        api_key: The key, or ``None``: then the first call says which variable to set.
        base_url: Another server than Runway's, without ``/v1``.
        timeout_s: Time limit of one request in seconds, for connecting and for each silence.
        patience: How a task is waited for.
        outputs: How files are fetched.
        row: What differs from the table of models.
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
        row: Mapping[str, Any] | None = None,
    ) -> None:
        self._api_key = api_key
        self._base_url = base_url
        self._timeout_s = timeout_s
        self._patience = patience or Patience(interval_s=5.0, timeout_s=1200.0)
        self._outputs = outputs or Outputs(VENDOR.provider)
        self._row = row
        self._seed: int | None = None

    def __repr__(self) -> str:
        return f"RunwayAdapter(key {'set' if self._api_key else 'missing'}, timeout_s={self._timeout_s:g})"

    def with_seed(self, seed: int) -> Self:
        """Return a client that sends this seed."""
        seeded = copy.copy(self)
        seeded._seed = seed % _MAX_SEED
        return seeded

    def generate_video(
        self, *, prompt: str | Sequence[Part], resolution: str, aspect_ratio: str, model_name: str
    ) -> LLMVideoResponse:
        """Return one video, or none and why.

        A picture among the parts becomes the video's first frame.

        Raises:
            MissingKeyError: No key is set.
            LLMError: The call failed; ``request_id`` is the task's id once there is one.
        """
        operation_id = self.submit_video(
            prompt=prompt, resolution=resolution, aspect_ratio=aspect_ratio, model_name=model_name
        )
        return self.collect_video(operation_id)

    async def generate_video_async(
        self, *, prompt: str | Sequence[Part], resolution: str, aspect_ratio: str, model_name: str
    ) -> LLMVideoResponse:
        """:meth:`generate_video` without blocking the event loop."""
        operation_id = await self.submit_video_async(
            prompt=prompt, resolution=resolution, aspect_ratio=aspect_ratio, model_name=model_name
        )
        return await self.collect_video_async(operation_id)

    def submit_video(self, *, prompt: str | Sequence[Part], resolution: str, aspect_ratio: str, model_name: str) -> str:
        """Start a task and return its id at once."""
        settings = self._settings()
        route, request = self._request(prompt, resolution, aspect_ratio, model_name)
        http = runwayml.DefaultHttpxClient(verify=tls_context())
        with translated(table), runwayml.RunwayML(**settings, http_client=http) as sdk:
            body = getattr(sdk, route).with_raw_response.create(**request).read()
        return read_answer(VENDOR, _Created, body).id

    async def submit_video_async(
        self, *, prompt: str | Sequence[Part], resolution: str, aspect_ratio: str, model_name: str
    ) -> str:
        """:meth:`submit_video` without blocking the event loop."""
        settings = self._settings()
        route, request = self._request(prompt, resolution, aspect_ratio, model_name)
        http = runwayml.DefaultAsyncHttpxClient(verify=tls_context())
        with translated(table):
            async with runwayml.AsyncRunwayML(**settings, http_client=http) as sdk:
                answer = await getattr(sdk, route).with_raw_response.create(**request)
                body = await answer.read()
        return read_answer(VENDOR, _Created, body).id

    def collect_video(self, operation_id: str) -> LLMVideoResponse:
        """Wait for a task and return its video; may be called again for a day."""
        settings = self._settings()
        http = runwayml.DefaultHttpxClient(verify=tls_context())
        with collecting(VENDOR.provider, operation_id), runwayml.RunwayML(**settings, http_client=http) as sdk:
            task = self._patience.until(partial(_look, sdk, operation_id))
        ended = _ending(task)
        if ended is not None:
            return ended
        with collecting(VENDOR.provider, operation_id):
            data = self._patience.until(partial(self._outputs.fetch, _address(task)))
            return _made(task, self._outputs.video(data), self._seed)

    async def collect_video_async(self, operation_id: str) -> LLMVideoResponse:
        """:meth:`collect_video` without blocking the event loop."""
        settings = self._settings()
        http = runwayml.DefaultAsyncHttpxClient(verify=tls_context())
        with collecting(VENDOR.provider, operation_id):
            async with runwayml.AsyncRunwayML(**settings, http_client=http) as sdk:
                task = await self._patience.until_async(partial(_look_async, sdk, operation_id))
        ended = _ending(task)
        if ended is not None:
            return ended
        with collecting(VENDOR.provider, operation_id):
            data = await self._patience.until_async(partial(self._outputs.fetch_async, _address(task)))
            return _made(task, await asyncio.to_thread(self._outputs.video, data), self._seed)

    def _settings(self) -> dict[str, Any]:
        return {
            "api_key": VENDOR.require_key(self._api_key),
            "base_url": self._base_url,
            "timeout": self._timeout_s,
            "max_retries": 0,
        }

    def _request(
        self, prompt: str | Sequence[Part], resolution: str, aspect_ratio: str, model_name: str
    ) -> tuple[str, dict[str, Any]]:
        """Return the SDK's resource and its arguments."""
        row = model_row(VENDOR.provider, model_name, RunwayModel, self._row)
        text, pictures = split_parts(prompt, provider=VENDOR.provider)
        _check_pictures(row, pictures)
        ratios = row.picture_ratios if pictures else row.text_ratios
        request: dict[str, Any] = {"model": model_name, "ratio": _ratio(ratios, resolution, aspect_ratio)}
        if text:
            request["prompt_text"] = text
        if row.duration_s is not None:
            request["duration"] = row.duration_s
        if self._seed is not None:
            request["seed"] = self._seed
        if not pictures:
            return "text_to_video", request
        uri = data_uri(pictures[0])
        if len(uri) > _MAX_DATA_URI:
            raise InvalidRequestError(
                "the picture is too large; Runway takes about 3.7 MB of it", provider=VENDOR.provider
            )
        return "image_to_video", {**request, "prompt_image": uri}


def _check_pictures(row: RunwayModel, pictures: Sequence[ImagePart]) -> None:
    if len(pictures) > 1:
        raise InvalidRequestError(
            f"this provider takes one picture, the video's first frame; got {len(pictures)}", provider=VENDOR.provider
        )
    if pictures and not row.from_picture:
        raise InvalidRequestError(f"{row.model} takes no picture", provider=VENDOR.provider)
    if not pictures and not row.from_text:
        raise InvalidRequestError(f"{row.model} needs a picture to start from", provider=VENDOR.provider)


def _ratio(ratios: Mapping[str, Mapping[str, str]], resolution: str, aspect_ratio: str) -> str:
    """Return the shape in pixels, as Runway names it.

    Raises:
        InvalidRequestError: The model does not make it.
    """
    wanted = reduced_ratio(aspect_ratio, provider=VENDOR.provider)
    for shape, pixels in ratios.get(resolution, {}).items():
        if reduced_ratio(shape, provider=VENDOR.provider) == wanted:
            return pixels
    makes = "; ".join(f"{name}: {', '.join(shapes)}" for name, shapes in ratios.items())
    raise InvalidRequestError(
        f"this model does not make {aspect_ratio} in {resolution}; it makes {makes}", provider=VENDOR.provider
    )


_ENDED = frozenset({"SUCCEEDED", "FAILED", "CANCELLED"})


def _look(sdk: runwayml.RunwayML, task_id: str) -> _Task | None:
    with translated(table):
        body = sdk.tasks.with_raw_response.retrieve(task_id).read()
    return _if_ended(body)


async def _look_async(sdk: runwayml.AsyncRunwayML, task_id: str) -> _Task | None:
    with translated(table):
        body = await (await sdk.tasks.with_raw_response.retrieve(task_id)).read()
    return _if_ended(body)


def _if_ended(body: bytes) -> _Task | None:
    task = read_answer(VENDOR, _Task, body)
    return task if task.status in _ENDED else None


def _ending(task: _Task) -> LLMVideoResponse | None:
    """Return the answer of a task that ended without a video; ``None`` if it has one.

    Raises:
        CallCancelledError: Somebody cancelled it.
        LLMError: It failed, and not for reasons of policy.
    """
    if task.status == "CANCELLED":
        raise VENDOR.failure(CallCancelledError, request_id=task.id)
    if task.status == "SUCCEEDED":
        return None if task.output else _without_video(task)
    failure = task_failure(task.failureCode, task.id)
    if isinstance(failure, LLMError):
        raise failure
    return _without_video(task, block_reason=failure.reason)


def _address(task: _Task) -> str:
    return (task.output or ("",))[0]


def _without_video(task: _Task, *, block_reason: str | None = None) -> LLMVideoResponse:
    return LLMVideoResponse(
        operation_name=task.id, request_id=task.id, finish_reason=task.status, block_reason=block_reason
    )


def _made(task: _Task, video: bytes, seed: int | None) -> LLMVideoResponse:
    credits_spent = task.cost.credits if task.cost else None
    return LLMVideoResponse(
        video_data=video,
        operation_name=task.id,
        request_id=task.id,
        finish_reason=task.status,
        seed=seed,
        cost=cost_from_table(VENDOR.provider, "*", Usage(), credits_spent=credits_spent),
    )
