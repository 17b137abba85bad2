"""Asks a provider for pictures of a persona, and stores them as they came."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from personalab_core.generation.anchor_batch import AnchorBatch, AnchorCheck, AnchorKind, AnchorProgress, AnchorStudio
from personalab_core.generation.context import derived_context
from personalab_core.generation.requests import GenerationRequest, GenerationResponse
from personalab_core.generation.retry_policy import RetryPolicy
from personalab_core.generation.submitting import Route, submit, submit_async
from personalab_core.generation.transport import TransportRetry
from personalab_core.llm import ImagePart, LLMClient, LLMImageResponse, Part, Seedable, provider_of
from personalab_core.llm.client import FindsImages, ResumableImages
from personalab_core.observability import StoredPicture, store_picture
from personalab_core.observability.ledger import SubmissionLedger
from personalab_core.prompts import AnchorTemplate
from personalab_core.schemas import GenerationContext

A = TypeVar("A")


class ImageGenerator:
    """Makes pictures with one model of one provider.

    Args:
        client: Reaches the provider.
        model_name: The model to ask.
        aspect_ratio: ``"W:H"`` of the pictures.
        references_root: Folder of the personas' anchors.
        provider: Name of the provider; that of ``client`` if ``None``.
        context: Profile and configuration for the records; derived from provider and model if ``None``.
        transport_retry: Repeats failed calls; a :class:`RetryPolicy` with its defaults if ``None``.
        clock: Current time, with zone.
        timer: Monotonic seconds.
    """

    def __init__(
        self,
        *,
        client: LLMClient,
        model_name: str,
        aspect_ratio: str,
        references_root: str | Path,
        provider: str | None = None,
        context: GenerationContext | None = None,
        transport_retry: TransportRetry | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.model_name = model_name
        self.aspect_ratio = aspect_ratio
        self.references_root = Path(references_root)
        self.provider = provider or provider_of(client, "image")
        self.context = context or derived_context(provider=self.provider, model=model_name, aspect_ratio=aspect_ratio)
        self.transport_retry: TransportRetry = transport_retry or RetryPolicy()
        self._client = client
        self._seedable = client if isinstance(client, Seedable) else None
        self._clock = clock
        self._timer = timer

    def generate(self, request: GenerationRequest) -> GenerationResponse:
        """Return what one call gave. A policy block or an empty answer is a response without a picture.

        With a ticket the call is written down before it is sent, and a call that an earlier run
        has sent is not sent again: its answer is taken from disk or collected from the provider.

        Raises:
            LLMError: The call failed.
            PossiblyPaidError: An earlier run sent it and never learned the answer.
            BudgetReachedError: It can cost more than is left; nothing was sent.
            MissingKeyError: The provider's key is not set.
        """
        respond = partial(self._response, started=self._timer())
        return submit(self._route(request), request.ticket, respond)

    async def generate_async(self, request: GenerationRequest) -> GenerationResponse:
        """Do the same without blocking the event loop."""
        respond = partial(self._response, started=self._timer())
        return await submit_async(self._async_route(request), request.ticket, respond)

    def store(self, data: bytes, *, folder: Path, name: str) -> StoredPicture:
        """Return where a picture was stored, byte for byte as it came, with a thumbnail beside it.

        Raises:
            UnreadableImageError: The bytes are not a picture.
            WorkspaceError: The disk is full or the folder cannot be written.
        """
        return store_picture(folder, name, data)

    def generate_reference_anchors(
        self,
        *,
        persona_name: str,
        character_prompt: Mapping[str, AnchorTemplate],
        physical_description: Mapping[str, object],
        frontal_candidates_k: int = 4,
        kinds: Sequence[AnchorKind] | None = None,
        seed: int = 0,
        progress: AnchorProgress | None = None,
        check: AnchorCheck | None = None,
        ledger: SubmissionLedger | None = None,
        first_number: int = 1,
    ) -> AnchorBatch:
        """Return the reference pictures that were made, and those that were not and why.

        The frontal candidates come from text alone and go to
        ``references/<persona>/anchors/candidates/``. The other kinds are conditioned on
        the selected frontal anchor and go beside it. Every picture is written to the
        anchors' log.

        Args:
            persona_name: Id of the persona.
            character_prompt: Template per kind, as ``load_anchor_templates`` gives them.
            physical_description: How the persona looks.
            frontal_candidates_k: How many frontal candidates to make.
            kinds: What to make. ``None`` means what comes next: frontal candidates while no
                anchor is selected, afterwards the other kinds that do not exist yet.
            seed: Where the pictures' seeds come from; a higher one gives other candidates.
            progress: Told after each picture.
            check: Measures the kinds other than frontal, so that one that shows somebody else is made again.
            ledger: Keeps account of the calls, and of the budget. What a run of its name has sent is
                not sent again: a job that goes on passes the ledger of that job.
            first_number: Number of the first picture, from 1; seeds follow from seed and number.

        Raises:
            InputError: Malformed persona id, unknown kind, or fewer than 1 candidate.
            BudgetReachedError: The next call can cost more than is left; it was not made.
            AnchorMissingError: A kind other than frontal was asked for before an anchor was selected.
            WorkspaceError: The disk is full or the folder cannot be written.
            LLMError: The call failed in a way that every further one will, too (such as a wrong key).
        """
        studio = AnchorStudio(
            generator=self,
            persona=persona_name,
            templates=character_prompt,
            physical_description=physical_description,
            seed=seed,
            clock=self._clock,
            progress=progress,
            check=check,
            submissions=ledger,
            first_number=first_number,
        )
        return studio.make(kinds, frontal_candidates_k=frontal_candidates_k)

    def _client_for(self, request: GenerationRequest) -> LLMClient:
        if request.seed is not None and self._seedable is not None:
            return self._seedable.with_seed(request.seed)
        return self._client

    def _route(self, request: GenerationRequest) -> Route[LLMImageResponse]:
        client = self._client_for(request)
        if isinstance(client, ResumableImages):
            start = self._asking(client.submit_image, request)
            find = self._asking(client.find_image, request) if isinstance(client, FindsImages) else None
            return Route(self._asking(client.generate_image, request), start, client.collect_image, find)
        return Route(self._asking(client.generate_image, request))

    def _async_route(self, request: GenerationRequest) -> Route[Awaitable[LLMImageResponse]]:
        client = self._client_for(request)
        if isinstance(client, ResumableImages):
            start = self._asking(client.submit_image_async, request)
            find = self._asking(client.find_image_async, request) if isinstance(client, FindsImages) else None
            return Route(self._asking(client.generate_image_async, request), start, client.collect_image_async, find)
        return Route(self._asking(client.generate_image_async, request))

    def _asking(self, method: Callable[..., A], request: GenerationRequest) -> Callable[[], A]:
        return partial(method, parts=request_parts(request), aspect_ratio=self.aspect_ratio, model_name=self.model_name)

    def _response(self, answer: LLMImageResponse, started: float) -> GenerationResponse:
        return GenerationResponse(
            data=answer.images[0] if answer.images else None,
            block_reason=answer.block_reason,
            finish_reason=answer.finish_reason,
            request_id=answer.request_id,
            model_version=answer.model_version,
            cost=answer.cost,
            elapsed_s=self._timer() - started,
        )


def request_parts(request: GenerationRequest) -> list[Part]:
    """Return the prompt and, if there is one, the anchor as a client takes them."""
    if request.anchor is None:
        return [request.prompt]
    return [request.prompt, ImagePart(request.anchor.data, request.anchor.mime_type, "identity_reference")]
