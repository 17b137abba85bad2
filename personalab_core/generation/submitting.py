"""One call to a provider with account kept of it: what to write down, and when, around which request.

The order is fixed here once, as a generator that stops wherever the provider is to be asked, and driven
twice: blocking and in an event loop. What it writes is on the disk itself before the provider is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import Executor
from contextvars import copy_context
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
        find: Looks for the operation that a request cut off at that time has started, leaving out those of others;
            ``None`` if the client cannot.
    """

    whole: Callable[[], A]
    start: Callable[[], Any] | None = None
    collect: Callable[[str], A] | None = None
    find: Callable[..., Any] | None = None


@dataclass(frozen=True, slots=True)
class _Ask:
    """Do this at the provider.

    Attributes:
        request: Sends it.
        is_noted: Whether its answer is written down at once, as the id of an operation that was started is.
    """

    request: Callable[[], Any]
    is_noted: bool = False


_Steps = Generator[_Ask, Any, GenerationResponse]
"""Whatever blocks happens between two of them."""


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
    step = _until_asked(partial(next, steps))
    while isinstance(step, _Ask):
        try:
            answer = step.request()
        except PersonalabError as error:
            step = _until_asked(partial(steps.throw, error))
        else:
            step = _until_asked(partial(steps.send, answer))
    return step


async def submit_async(
    route: Route[Awaitable[A]], ticket: Ticket | None, respond: Callable[[A], GenerationResponse]
) -> GenerationResponse:
    """Do the same without blocking the event loop."""
    if ticket is None:
        return respond(await route.whole())
    steps = _steps(route, ticket, respond)
    step = await in_thread(partial(_until_asked, partial(next, steps)))
    while isinstance(step, _Ask):
        try:
            answer = await step.request()
        except PersonalabError as error:
            step = await in_thread(partial(_until_asked, partial(steps.throw, error)))
        else:
            go_on = partial(_until_asked, partial(steps.send, answer))
            step = await in_thread(go_on) if step.is_noted else go_on()
    return step


async def in_thread(work: Callable[[], T], threads: Executor | None = None) -> T:
    """Do blocking work beside the event loop, in ``threads`` or the loop's own.

    A cancellation waits for its end: files are written whole.
    """
    done = asyncio.get_running_loop().run_in_executor(threads, copy_context().run, work)
    try:
        return await asyncio.shield(done)
    except asyncio.CancelledError:
        await asyncio.wait([done])
        raise


def _until_asked(resume: Callable[[], _Ask]) -> _Ask | GenerationResponse:
    """Go on with the steps, and return what is to be asked next, or what the call gave."""
    try:
        return resume()
    except StopIteration as end:  # it cannot cross the border of a thread
        return end.value  # type: ignore[no-any-return]


def _steps(route: Route[Any], ticket: Ticket, respond: Callable[[Any], GenerationResponse]) -> _Steps:
    known = ticket.standing()
    if known.answer is not None:
        return known.answer
    operation_id = known.operation_id
    if known.possibly_paid and (operation_id := (yield from _found(route, ticket))) is None:
        raise PossiblyPaidError(
            "unknown, possibly paid: an earlier run submitted this call and ended before it learned the answer. "
            "It is repeated only with leave: resume with --repeat-possibly-paid, or set runtime.retry.retry_ambiguous",
            provider=ticket.provider,
        )
    if operation_id is None:
        ticket.submit()
        try:
            answered = yield _Ask(route.start or route.whole, is_noted=route.start is not None)
        except ProviderTimeoutError as error:
            ticket.unanswered(error)
            if (operation_id := (yield from _found(route, ticket))) is None:
                raise
        except PersonalabError as error:
            ticket.refused(error)
            raise
        else:
            if route.start is None:
                return respond(answered)
            operation_id = str(answered)
            ticket.accepted(operation_id)
    return (yield from _collect(route, ticket, operation_id, respond))


def _found(route: Route[Any], ticket: Ticket) -> Generator[_Ask, Any, str | None]:
    """Look for the operation that a request without an answer may have started, and write its id down."""
    if route.find is None:
        return None
    doubt = ticket.doubt()
    try:
        operation_id: str | None = yield _Ask(
            partial(route.find, since=doubt.since, others=doubt.others), is_noted=True
        )
    except PersonalabError:
        return None  # nobody can be asked just now: it stays in doubt
    if operation_id is not None:
        ticket.accepted(operation_id)
    return operation_id


def _collect(
    route: Route[Any], ticket: Ticket, operation_id: str, respond: Callable[[Any], GenerationResponse]
) -> _Steps:
    if route.collect is None:
        raise PossiblyPaidError(
            "an earlier run started a long operation that the client in use cannot collect", provider=ticket.provider
        )
    try:
        answer = yield _Ask(partial(route.collect, operation_id))
    except UnknownOperationError as error:
        ticket.unanswered(error)
        raise
    except (ProviderServerError, InvalidRequestError, CallCancelledError) as error:
        # The operation itself ended so: asking again says the same, and another one may be started.
        ticket.failed(error)
        raise
    return respond(answer)
