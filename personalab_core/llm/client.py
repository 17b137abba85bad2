"""What a provider looks like from inside: six methods and three normalised answers.

A policy block or an empty answer is not an exception: the answer then has no media
and says why in ``block_reason`` or ``finish_reason``. Exceptions are those of
:mod:`personalab_core.errors` (``LLMError`` and below), whatever the vendor raises.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol, Self, runtime_checkable

from personalab_core.schemas import Cost


@dataclass(frozen=True, slots=True, eq=False)
class ImagePart:
    """A picture that goes into a request.

    Attributes:
        data: Encoded bytes exactly as they are on disk (PNG, JPEG or WebP).
        mime_type: Such as ``image/png``.
        role: What the picture is for; ``identity_reference`` is the anchor.
    """

    data: bytes = field(repr=False)
    mime_type: str = "image/png"
    role: Literal["identity_reference", "style_reference", "input"] = "identity_reference"


Part = str | ImagePart
"""One element of a multimodal request: text, or a picture."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a call consumed, as far as the provider says; ``None`` means it does not say."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    n_images: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A web page that a grounded answer rests on."""

    title: str
    url: str


@dataclass(frozen=True, slots=True, eq=False)
class LLMTextResponse:
    """Structured text. ``parsed`` is the decoded JSON, ``text`` the raw answer."""

    parsed: Any = field(default=None, repr=False)
    text: str = field(default="", repr=False)
    sources: tuple[Source, ...] = ()
    block_reason: str | None = None
    finish_reason: str | None = None
    request_id: str | None = None
    model_version: str | None = None
    usage: Usage = Usage()
    cost: Cost = field(default_factory=Cost)


@dataclass(frozen=True, slots=True, eq=False)
class LLMImageResponse:
    """Pictures, encoded. ``images`` is empty when the provider blocked or sent nothing."""

    images: Sequence[bytes] = field(default=(), repr=False)
    block_reason: str | None = None
    finish_reason: str | None = None
    request_id: str | None = None
    model_version: str | None = None
    seed: int | None = None
    usage: Usage = Usage()
    cost: Cost = field(default_factory=Cost)


@dataclass(frozen=True, slots=True, eq=False)
class LLMVideoResponse:
    """One video, encoded (mp4). ``operation_name`` is the provider's id of the long operation."""

    video_data: bytes | None = field(default=None, repr=False)
    operation_name: str | None = None
    block_reason: str | None = None
    finish_reason: str | None = None
    request_id: str | None = None
    model_version: str | None = None
    seed: int | None = None
    usage: Usage = Usage()
    cost: Cost = field(default_factory=Cost)


@runtime_checkable
class LLMClient(Protocol):
    """A generation backend. Implement these six methods and nothing else.

    ``parts`` mixes prompt text and pictures (:data:`Part`). ``aspect_ratio`` is ``"W:H"``.
    """

    def generate_text_json(
        self,
        *,
        system_instruction: str,
        user_prompt: str,
        schema: Mapping[str, Any] | None,
        use_search: bool,
        model_name: str,
    ) -> LLMTextResponse:
        """Return JSON that obeys ``schema`` (a JSON Schema; ``None`` leaves the shape open).

        ``use_search`` lets the provider look things up; what it found is in ``sources``.
        """
        ...

    def generate_image(self, *, parts: Sequence[Part], aspect_ratio: str, model_name: str) -> LLMImageResponse:
        """Ask for one picture and return it, or none and why.

        Should a provider send several unasked, all are in ``images``, and the first is the answer.
        """
        ...

    def generate_video(
        self, *, prompt: str | Sequence[Part], resolution: str, aspect_ratio: str, model_name: str
    ) -> LLMVideoResponse:
        """Return one video, or none and why; ``resolution`` is such as ``720p``."""
        ...

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
        ...

    async def generate_image_async(
        self, *, parts: Sequence[Part], aspect_ratio: str, model_name: str
    ) -> LLMImageResponse:
        """:meth:`generate_image` without blocking the event loop."""
        ...

    async def generate_video_async(
        self, *, prompt: str | Sequence[Part], resolution: str, aspect_ratio: str, model_name: str
    ) -> LLMVideoResponse:
        """:meth:`generate_video` without blocking the event loop."""
        ...


@runtime_checkable
class Seedable(Protocol):
    """Optional: a client whose randomness can be fixed.

    The simulator answers the same request with the same bytes; a vendor that takes a seed is sent
    it, and few promise more than similar pictures. What a client offers besides (such as
    :class:`ResumableImages`), its seeded copy offers, too.
    """

    def with_seed(self, seed: int) -> Self:
        """Return a copy that sends this seed with every request; the original stays as it is. Any int is taken."""
        ...


@runtime_checkable
class ResumableImages(Protocol):
    """Optional: pictures made by a long operation, whose id is handed out as soon as it is accepted.

    Whoever writes the id down can collect after a crash instead of paying a second time.
    ``isinstance(client, ResumableImages)`` tells whether a client offers it, a
    :class:`~personalab_core.llm.RoutingClient` included. ``generate_image`` is then
    ``collect_image(submit_image(...))``; both ways cost the same and give the same answer.

    The id is all that is needed, in another process and after a new start, too: it says
    nothing about key, prompt or pictures, and keeps for as long as the provider keeps the
    operation (Replicate an hour, Runway a day, Google two days, by their own pages).
    Blocking and ``_async`` twins may be mixed: one may submit what the other collects.
    """

    def submit_image(self, *, parts: Sequence[Part], aspect_ratio: str, model_name: str) -> str:
        """Start one operation, which may be charged, and return its id at once. Not idempotent.

        Raises:
            MissingKeyError: No key is set; nothing was sent.
            InvalidRequestError: The model does not take that; nothing was started.
            AuthenticationError, QuotaExceededError, RateLimitError, ProviderServerError: It was
                refused; nothing was started.
            ProviderConnectionError: Nothing was sent.
            ProviderTimeoutError: No readable answer came (``OutputLostError``: one that cannot be
                read), so it is not known whether an operation was started, nor its id.
        """
        ...

    def collect_image(self, operation_id: str) -> LLMImageResponse:
        """Wait for the operation and return what it made, with its price. Idempotent, and free.

        A policy block and an operation without a picture are answers, not errors, as in
        ``generate_image``. Every error carries the id as ``request_id``.

        Raises:
            MissingKeyError: No key is set.
            ProviderTimeoutError: Still running when the client's patience ended; collect again later.
            OutputLostError: (a ``ProviderTimeoutError``) It could not be looked at or its file not be
                fetched just now, or the file is gone or damaged. Collecting again is free and may help;
                the money is spent either way.
            UnknownOperationError: The provider does not know it (any more); collecting again is pointless.
            ProviderServerError: It ended as failed; collecting again says the same.
            InvalidRequestError: It failed because of what was sent; collecting again says the same.
            CallCancelledError: Somebody cancelled it; collecting again says the same.
            AuthenticationError: The key is not (no longer) good for it.
        """
        ...

    async def submit_image_async(self, *, parts: Sequence[Part], aspect_ratio: str, model_name: str) -> str:
        """:meth:`submit_image` without blocking the event loop. Cancelled in flight, it may have started one."""
        ...

    async def collect_image_async(self, operation_id: str) -> LLMImageResponse:
        """:meth:`collect_image` without blocking the event loop; to cancel it leaves the operation running."""
        ...


@runtime_checkable
class FindsImages(Protocol):
    """Optional: finds an operation again whose id never arrived, because process or connection ended too early."""

    def find_image(
        self, *, parts: Sequence[Part], aspect_ratio: str, model_name: str, since: datetime, others: Collection[str]
    ) -> str | None:
        """Return the id of the operation that this very request has started; ``None`` if that cannot be told. Free.

        ``None`` says nothing about money: the request may have been carried out all the same.

        Args:
            parts: As they were sent.
            aspect_ratio: Likewise.
            model_name: Likewise.
            since: When it was sent, by this machine's clock, with zone.
            others: Operations that are known to belong to other requests.

        Raises:
            MissingKeyError: No key is set.
            LLMError: The provider could not be asked.
        """
        ...

    async def find_image_async(
        self, *, parts: Sequence[Part], aspect_ratio: str, model_name: str, since: datetime, others: Collection[str]
    ) -> str | None:
        """:meth:`find_image` without blocking the event loop."""
        ...


@runtime_checkable
class ResumableVideos(Protocol):
    """Optional: a video made by a long operation, whose id is handed out as soon as it is accepted.

    What a caller may rely on is that of :class:`ResumableImages`, word for word.
    """

    def submit_video(self, *, prompt: str | Sequence[Part], resolution: str, aspect_ratio: str, model_name: str) -> str:
        """Start one operation and return its id at once; errors as in :meth:`ResumableImages.submit_image`."""
        ...

    def collect_video(self, operation_id: str) -> LLMVideoResponse:
        """Wait and return what it made; free, repeatable, errors as in :meth:`ResumableImages.collect_image`."""
        ...

    async def submit_video_async(
        self, *, prompt: str | Sequence[Part], resolution: str, aspect_ratio: str, model_name: str
    ) -> str:
        """:meth:`submit_video` without blocking the event loop."""
        ...

    async def collect_video_async(self, operation_id: str) -> LLMVideoResponse:
        """:meth:`collect_video` without blocking the event loop."""
        ...
