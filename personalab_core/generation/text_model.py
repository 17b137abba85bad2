"""Asks a text model, repeats what may be repeated, and keeps account of what it costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from pydantic import ValidationError

from personalab_core.config import Config
from personalab_core.errors import LLMError, PersonalabError, ProviderTimeoutError
from personalab_core.generation.context import SIMULATED_PROVIDER
from personalab_core.generation.retry_policy import RetryPolicy
from personalab_core.generation.transport import TransportRetry
from personalab_core.llm import LLMClient, LLMTextResponse, provider_of
from personalab_core.llm.prices import worst_case_price
from personalab_core.observability.ledger import SubmissionLedger
from personalab_core.observability.submission import Call
from personalab_core.prompts import prompt_hash
from personalab_core.schemas import SubmissionAnswer, SubmissionEvent


class TextModel:
    """The configured text model, asked on behalf of one persona.

    Every try is in the account book before it is sent, and what it has cost once it is answered. Answers
    themselves are not kept there: a call that a crash has cut off is asked again by whoever needs it.

    Args:
        client: Reaches the model.
        config: Names the model.
        persona: Id of the persona whose budget pays.
        purpose: What is asked for, such as ``plan``; names the calls in the account book.
        transport_retry: Repeats failed calls; a :class:`RetryPolicy` with its defaults if ``None``.
        ledger: The account book; ``None`` keeps no account and knows no budget.
    """

    def __init__(
        self,
        client: LLMClient,
        config: Config,
        *,
        persona: str,
        purpose: str,
        transport_retry: TransportRetry | None = None,
        ledger: SubmissionLedger | None = None,
    ) -> None:
        self.name = config.model_name("text")
        self.provider = provider_of(client, "text")
        self._client = client
        self._persona = persona
        self._purpose = purpose
        self._transport_retry: TransportRetry = transport_retry or RetryPolicy()
        self._ledger = ledger

    def ask(self, *, system: str, user: str, schema: Mapping[str, Any], use_search: bool, what: str) -> LLMTextResponse:
        """Return the answer to a request for JSON.

        Args:
            system: What the model is to be.
            user: What it is asked for.
            schema: JSON Schema of the answer.
            use_search: Whether it may search the web.
            what: What is asked for, to name it if it is blocked.

        Raises:
            LLMError: The call failed, or was blocked.
            BudgetReachedError: It can cost more than is left; nothing was sent.
            WorkspaceError: It could not be written down; nothing was sent.
        """
        request = partial(
            self._client.generate_text_json,
            system_instruction=system,
            user_prompt=user,
            schema=schema,
            use_search=use_search,
            model_name=self.name,
        )
        call = self._transport_retry.call(partial(self._on_account, request, prompt_hash(f"{system}\n{user}")))
        if call.error is not None:
            raise call.error
        if call.value is None or call.value.block_reason:
            raise LLMError(f"the provider blocked {what} under its policy", provider=self.provider)
        return call.value

    def _on_account(self, request: Callable[[], LLMTextResponse], asked: str) -> LLMTextResponse:
        ledger = self._ledger
        if ledger is None:
            return request()
        call = self._call(ledger, asked)
        bound = worst_case_price(self.provider, self.name, "text")
        submission = ledger.submit(call, bound_usd=bound.amount_usd if bound else None)
        try:
            answer = request()
        except PersonalabError as error:
            event: SubmissionEvent = "unanswered" if isinstance(error, ProviderTimeoutError) else "refused"
            ledger.note(submission, call, event, error=f"{type(error).__name__}: {error}")
            raise
        ledger.note(submission, call, "answered", answer=_without_text(answer))
        return answer

    def _call(self, ledger: SubmissionLedger, asked: str) -> Call:
        name = f"{ledger.run_id}-{self._purpose}"
        return Call(
            persona=self._persona,
            asset_id=name,
            attempt_id=name,
            provider=self.provider,
            model=self.name,
            simulated=self.provider == SIMULATED_PROVIDER,
            seed=None,
            prompt_hash=asked,
            anchor_sha256=None,
            asset_type="text",
        )


def _without_text(answer: LLMTextResponse) -> SubmissionAnswer:
    return SubmissionAnswer(
        block_reason=answer.block_reason,
        finish_reason=answer.finish_reason,
        request_id=answer.request_id,
        model_version=answer.model_version,
        cost=answer.cost,
    )


def broken_rules(error: ValidationError) -> str:
    """Return where and what is wrong with an answer, without any of its own words."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return " ".join(f"{'.'.join(str(key) for key in p['loc']) or 'answer'}: {p['type']}." for p in found[:5])
