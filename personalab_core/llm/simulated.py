"""A provider that costs nothing and needs no network: portraits of people who do not exist, drawn on this machine.

It is conditioned the way a real image model is. Who is shown comes from the injected
anchor, how from the words of the prompt. It keeps the identity imperfectly (worse the
smaller the face, better with each retry patch), fails in the ways real providers fail
at seeded rates, and can drift on a schedule. Every picture says in its own metadata
that it is simulated and what is true of it.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Self

import orjson

from personalab_core.errors import InvalidRequestError, ProviderServerError, RateLimitError
from personalab_core.llm.client import ImagePart, LLMImageResponse, LLMTextResponse, LLMVideoResponse, Part, Usage
from personalab_core.llm.simulated_faults import (
    DriftEffect,
    DriftSchedule,
    Fault,
    FaultRates,
    draw_fault,
    seeded,
    stable_seed,
)
from personalab_core.llm.simulated_film import film
from personalab_core.llm.simulated_picture import Conditions, draw_picture, plan_picture
from personalab_core.llm.simulated_prompt import split_patches
from personalab_core.llm.simulated_text import answer_json
from personalab_core.llm.simulated_video import (
    VIDEO_SIZE_PX,
    VideoFault,
    VideoFaultRates,
    check_resolution,
    draw_video_fault,
    plan_clip,
)
from personalab_core.prompts import PatchCatalogue
from personalab_core.schemas import Cost
from personalab_core.simulation import PortraitRenderer
from personalab_core.simulation.renderer import MIN_SIDE_PX

PROVIDER = "simulated"
MODEL_VERSION = "simulated-1"
CHANGED_MODEL_VERSION = "simulated-2"
"""What the provider calls itself once its drift schedule has changed the look of its pictures."""

RETRY_AFTER_S = 0.5
"""What a simulated rate limit asks to wait; short, so that nobody waits for a simulation."""

SLOW_S = 2.0
"""Extra seconds of a slow call."""

DEFAULT_SIZE_PX = 640
"""Long side of a picture: quick to draw, with a full body's face still large enough to measure."""

_FREE = Cost(amount_usd=0.0, source=PROVIDER)
_MAX_ASPECT = 4.0


class SimulatedClient:
    """The built-in provider; implements ``LLMClient`` and ``Seedable``, and may be shared by threads.

    A client made by :meth:`with_seed` answers an identical request with identical
    bytes (as long as its drift schedule stands still); one without draws on.

    Args:
        seed: Where all randomness comes from.
        faults: How often it fails; the default is that of the demo.
        video_faults: What goes wrong with its videos, and how often; the default is that of the demo.
        drift: How it changes over calls or time; by default never.
        patches: The retry patches it understands when it finds their text in a prompt (``load_patch_catalogue``).
        size_px: Long side of its pictures in pixels.
        video_size_px: Long side of its videos in pixels, whatever resolution is asked for.
        clock: The time, for drift schedules laid out in time; aware.
        sleeper: Waits the given seconds when a slow call is drawn.
        renderer: Draws the portraits.
    """

    provider = PROVIDER

    def __init__(
        self,
        seed: int = 0,
        *,
        faults: FaultRates | None = None,
        video_faults: VideoFaultRates | None = None,
        drift: DriftSchedule | None = None,
        patches: PatchCatalogue | None = None,
        size_px: int = DEFAULT_SIZE_PX,
        video_size_px: int = VIDEO_SIZE_PX,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleeper: Callable[[float], None] = time.sleep,
        renderer: PortraitRenderer | None = None,
    ) -> None:
        self._seed = seed
        self._fixed = False
        self._faults = faults if faults is not None else FaultRates()
        self._video_faults = video_faults if video_faults is not None else VideoFaultRates()
        self._drift = drift if drift is not None else DriftSchedule.none()
        self._patches = patches if patches is not None else PatchCatalogue({})
        self._size_px = size_px
        self._video_size_px = video_size_px
        self._clock = clock
        self._sleep = sleeper
        self._renderer = renderer if renderer is not None else PortraitRenderer()
        self._calls = _CallCounter()

    def __repr__(self) -> str:
        return f"SimulatedClient(seed={self._seed}, {'fixed' if self._fixed else 'drawing on'})"

    def with_seed(self, seed: int) -> Self:
        """Return a client that answers an identical request with identical bytes.

        It shares the renderer and the count of calls, so that drift schedules go on.
        """
        seeded_copy = object.__new__(type(self))
        vars(seeded_copy).update({**vars(self), "_seed": seed, "_fixed": True})
        return seeded_copy

    def generate_image(self, *, parts: Sequence[Part], aspect_ratio: str, model_name: str) -> LLMImageResponse:
        """Return one PNG, or none and why.

        Raises:
            RateLimitError: Drawn at its rate; carries the seconds to wait.
            ProviderServerError: Drawn at its rate.
            InvalidRequestError: The aspect ratio is not ``"W:H"``.
        """
        width, height = _picture_size(aspect_ratio, self._size_px)
        call = self._calls.next()
        key = _request_key(*parts, aspect_ratio, model_name)
        self._travel(call, key)
        prompt = split_patches("\n".join(part for part in parts if isinstance(part, str)), self._patches)
        rng = seeded("image", *self._randomness(call, key))
        effect = self._drift.at(self._clock() if self._drift.by_clock else call)
        fault = draw_fault(self._faults, prompt.level, rng)
        answer = self._empty_answer(call, key, effect)
        if fault is Fault.BLOCKED:
            return replace(answer, block_reason="SAFETY")
        if fault is Fault.EMPTY:
            return replace(answer, finish_reason="NO_IMAGE")
        conditions = Conditions(effect=effect, fault=fault, width=width, height=height)
        picture = draw_picture(self._renderer, plan_picture(parts, prompt, conditions, rng), conditions)
        return replace(answer, images=(picture,), finish_reason="STOP", usage=Usage(n_images=1))

    def generate_text_json(
        self,
        *,
        system_instruction: str,
        user_prompt: str,
        schema: Mapping[str, Any] | None,
        use_search: bool,
        model_name: str,
    ) -> LLMTextResponse:
        """Return JSON that obeys ``schema``. Nothing is searched: ``sources`` stays empty whatever ``use_search`` says.

        Raises:
            RateLimitError: Drawn at its rate; carries the seconds to wait.
            ProviderServerError: Drawn at its rate.
        """
        call = self._calls.next()
        key = _request_key(system_instruction, user_prompt, repr(schema), str(use_search), model_name)
        self._travel(call, key)
        # The user prompt first: what it says of the persona goes before what the instruction says of personas.
        parsed = answer_json(
            schema, f"{user_prompt}\n{system_instruction}", seeded("text", *self._randomness(call, key))
        )
        return LLMTextResponse(
            parsed=parsed,
            text=orjson.dumps(parsed).decode(),
            finish_reason="STOP",
            request_id=_request_id(self._seed, key, call),
            model_version=MODEL_VERSION,
            cost=_FREE,
        )

    def generate_video(
        self, *, prompt: str | Sequence[Part], resolution: str, aspect_ratio: str, model_name: str
    ) -> LLMVideoResponse:
        """Return one mp4 (H.264, no sound), or none and why.

        Raises:
            RateLimitError: Drawn at its rate; carries the seconds to wait.
            ProviderServerError: Drawn at its rate.
            InvalidRequestError: The aspect ratio is not ``"W:H"``, or the resolution is not such as ``720p``.
            MissingDependencyError: PyAV is not installed.
        """
        check_resolution(resolution)
        width, height = _picture_size(aspect_ratio, self._video_size_px)
        parts = [prompt] if isinstance(prompt, str) else list(prompt)
        call = self._calls.next()
        key = _request_key(*parts, resolution, aspect_ratio, model_name)
        self._travel(call, key)
        patched = split_patches("\n".join(part for part in parts if isinstance(part, str)), self._patches)
        rng = seeded("video", *self._randomness(call, key))
        effect = self._drift.at(self._clock() if self._drift.by_clock else call)
        fault = draw_video_fault(self._video_faults, patched.level, rng)
        answer = self._empty_video_answer(call, key, effect)
        if fault is VideoFault.BLOCKED:
            return replace(answer, block_reason="SAFETY")
        if fault is VideoFault.EMPTY:
            return replace(answer, finish_reason="NO_VIDEO")
        plan = plan_clip(parts, patched, Conditions(effect=effect, fault=None, width=width, height=height), fault, rng)
        data = film(self._renderer, plan)
        return replace(answer, video_data=data, finish_reason="STOP", usage=Usage(seconds=plan.duration_s))

    async def generate_text_json_async(
        self,
        *,
        system_instruction: str,
        user_prompt: str,
        schema: Mapping[str, Any] | None,
        use_search: bool,
        model_name: str,
    ) -> LLMTextResponse:
        """:meth:`generate_text_json`, in a thread."""
        return await asyncio.to_thread(
            self.generate_text_json,
            system_instruction=system_instruction,
            user_prompt=user_prompt,
            schema=schema,
            use_search=use_search,
            model_name=model_name,
        )

    async def generate_image_async(
        self, *, parts: Sequence[Part], aspect_ratio: str, model_name: str
    ) -> LLMImageResponse:
        """:meth:`generate_image`, in a thread."""
        return await asyncio.to_thread(
            self.generate_image, parts=parts, aspect_ratio=aspect_ratio, model_name=model_name
        )

    async def generate_video_async(
        self, *, prompt: str | Sequence[Part], resolution: str, aspect_ratio: str, model_name: str
    ) -> LLMVideoResponse:
        """:meth:`generate_video`, in a thread."""
        return await asyncio.to_thread(
            self.generate_video,
            prompt=prompt,
            resolution=resolution,
            aspect_ratio=aspect_ratio,
            model_name=model_name,
        )

    def _randomness(self, call: int, key: str) -> tuple[str | int, ...]:
        """Return what an answer depends on: seed and request, and the call's number unless the seed is fixed."""
        return (self._seed, key) if self._fixed else (self._seed, key, call)

    def _travel(self, call: int, key: str) -> None:
        """Fail or wait as a network does; drawn anew on every call, so that a repeated call can succeed."""
        position = float(seeded("transport", self._seed, key, call).random())
        limited = self._faults.rate_limited
        broken = limited + self._faults.server_error
        if position < limited:
            raise RateLimitError(
                "simulated rate limit; wait and repeat the call",
                provider=PROVIDER,
                status_code=429,
                retry_after_s=RETRY_AFTER_S,
            )
        if position < broken:
            raise ProviderServerError("simulated server failure; repeat the call", provider=PROVIDER, status_code=503)
        if position < broken + self._faults.slow:
            self._sleep(SLOW_S)

    def _empty_video_answer(self, call: int, key: str, effect: DriftEffect) -> LLMVideoResponse:
        return LLMVideoResponse(
            operation_name=f"simulated/{_request_id(self._seed, key, call)}",
            request_id=_request_id(self._seed, key, call),
            model_version=CHANGED_MODEL_VERSION if effect.batch > 0 else MODEL_VERSION,
            seed=self._seed if self._fixed else None,
            cost=_FREE,
        )

    def _empty_answer(self, call: int, key: str, effect: DriftEffect) -> LLMImageResponse:
        return LLMImageResponse(
            request_id=_request_id(self._seed, key, call),
            model_version=CHANGED_MODEL_VERSION if effect.batch > 0 else MODEL_VERSION,
            seed=self._seed if self._fixed else None,
            cost=_FREE,
        )


class _CallCounter:
    """Numbers the calls of a client and of all its seeded copies."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._lock = threading.Lock()

    def next(self) -> int:
        with self._lock:
            return next(self._numbers)


def _request_key(*parts: Part) -> str:
    """Return a hash of everything a request contains, pictures included."""
    data = (part.data if isinstance(part, ImagePart) else part for part in parts)
    return f"{stable_seed(*data):014x}"


def _request_id(seed: int, key: str, call: int) -> str:
    return f"sim-{stable_seed(seed, key, call):014x}"


def _picture_size(aspect_ratio: str, long_side_px: int) -> tuple[int, int]:
    """Return (width, height) in pixels, both multiples of 8 and no smaller than the renderer can draw."""
    match = re.fullmatch(r"(\d{1,4}):(\d{1,4})", aspect_ratio)
    shape = (int(match[1]), int(match[2])) if match else (0, 0)
    if not min(shape) or max(shape) > _MAX_ASPECT * min(shape):
        raise InvalidRequestError(
            f"expected an aspect ratio such as '4:5' and at most {_MAX_ASPECT:g}:1 or 1:{_MAX_ASPECT:g}, "
            f"got {aspect_ratio!r}",
            provider=PROVIDER,
        )
    width, height = (max(MIN_SIDE_PX, round(side * long_side_px / max(shape) / 8) * 8) for side in shape)
    return width, height
