"""One call to a provider with account kept of it: what to write down, and when, around which request.

The order is fixed here once, as a generator without I/O of its own, and driven twice:
blocking and in an event loop. What it writes is on the disk itself before the next step.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from personalab_core.errors import (
    CallCancelledError,
    InvalidRequestError,
    PersonalabError,
    PossiblyPaidError,
    ProviderServerError,
    ProviderTimeoutError,
    UnknownOperationError,
)
from personalab_core.generation.requests import GenerationResponse, Ticket

A = TypeVar("A")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Route(Generic[A]):
    """How one request reaches a provider: as a whole, or started and collected.

    Attributes:
        whole: Sends the request and waits for the answer.
        start: Starts a long operation and returns its id; ``None`` if the client knows none.
        collect: Waits for the operation of an id; may be repeated.
    """

    whole: Callable[[], A]
    start: Callable[[], Any] | None = None
    collect: Callable[[str], A] | None = None


@dataclass(frozen=True, slots=True)
class _Write:
    """Do this here, and do not go on before it is done."""

    work: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class _Ask:
    """Do this at the provider."""

    request: Callable[[], Any]


def submit(route: Route[A], ticket: Ticket | None, respond: Callable[[A], GenerationResponse]) -> GenerationResponse:
    """Return what the call gave, or what an earlier run of the same call is known to have given.

    Raises:
        PossiblyPaidError: An earlier run submitted the call and never learned the answer.
        BudgetReachedError: It can cost more than is left; nothing was sent.
        WorkspaceError: It could not be written down; nothing was sent.
        LLMError: The call failed.
    """
    if ticket is None:
        return respond(route.whole())
    steps = _steps(route, ticket, respond)
    try:
        step = next(steps)
        while True:
            try:
                done = step.request() if isinstance(step, _Ask) else step.work()
            except BaseException as error:  # noqa: BLE001 - thrown in where it belongs, which raises it again
                step = steps.throw(error)
            else:
                step = steps.send(done)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


async def submit_async(
    route: Route[Awaitable[A]], ticket: Ticket | None, respond: Callable[[A], GenerationResponse]
) -> GenerationResponse:
    """Do the same without blocking the event loop."""
    if ticket is None:
        return respond(await route.whole())
    steps = _steps(route, ticket, respond)
    try:
        step = next(steps)
        while True:
            try:
                done = await step.request() if isinstance(step, _Ask) else await in_thread(step.work)
            except BaseException as error:  # noqa: BLE001 - thrown in where it belongs, which raises it again
                step = steps.throw(error)
            else:
                step = steps.send(done)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


async def in_thread(work: Callable[[], T]) -> T:
    """Do blocking work beside the event loop. A cancellation waits for its end: files are written whole."""
    task = asyncio.create_task(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def _steps(
    route: Route[Any], ticket: Ticket, respond: Callable[[Any], GenerationResponse]
) -> Generator[_Write | _Ask, Any, GenerationResponse]:
    known = yield _Write(ticket.standing)
    if known.answer is not None:
        return known.answer  # type: ignore[no-any-return]
    if known.possibly_paid:
        raise PossiblyPaidError(
            "unknown, possibly paid: an earlier run submitted this call and ended before it learned the answer. "
            "It is repeated only with leave: resume with --repeat-possibly-paid, or set runtime.retry.retry_ambiguous",
            provider=ticket.provider,
        )
    operation_id = known.operation_id
    if operation_id is None:
        yield _Write(ticket.submit)
        try:
            answered = yield _Ask(route.start or route.whole)
        except ProviderTimeoutError as error:
            yield _Write(partial(ticket.unanswered, error))
            raise
        except PersonalabError as error:
            yield _Write(partial(ticket.refused, error))
            raise
        if route.start is None:
            return respond(answered)
        operation_id = str(answered)
        yield _Write(partial(ticket.accepted, operation_id))
    return (yield from _collect(route, ticket, operation_id, respond))


def _collect(
    route: Route[Any], ticket: Ticket, operation_id: str, respond: Callable[[Any], GenerationResponse]
) -> Generator[_Write | _Ask, Any, GenerationResponse]:
    if route.collect is None:
        raise PossiblyPaidError(
            "an earlier run started a long operation that the client in use cannot collect", provider=ticket.provider
        )
    try:
        answer = yield _Ask(partial(route.collect, operation_id))
    except UnknownOperationError as error:
        yield _Write(partial(ticket.unanswered, error))
        raise
    except (ProviderServerError, InvalidRequestError, CallCancelledError) as error:
        # The operation itself ended so: asking again says the same, and another one may be started.
        yield _Write(partial(ticket.failed, error))
        raise
    return respond(answer)
