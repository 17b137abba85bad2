"""From what the openai package raises to the errors of this package."""

from __future__ import annotations

import openai

from personalab_core.errors import InvalidRequestError, LLMError, OutputLostError
from personalab_core.llm.vendor_errors import PolicyBlock, Table, Vendor, generated_sdk_failure

VENDOR = Vendor("openai", ("OPENAI_API_KEY",))
COMPATIBLE = Vendor("openai_compatible", ("OPENAI_COMPATIBLE_API_KEY",))
"""Any other server with OpenAI's Responses interface. It never sees OpenAI's own key."""

_POLICY_CODES = frozenset({"content_policy_violation", "content_filter", "moderation_blocked", "invalid_prompt"})


def table_of(vendor: Vendor) -> Table:
    """Return the table, worded for OpenAI or for a server that speaks its language."""

    def table(error: BaseException) -> LLMError | PolicyBlock | None:
        if isinstance(error, openai.APIStatusError) and error.status_code == 400 and error.code in _POLICY_CODES:
            return PolicyBlock(str(error.code), error.request_id)
        if isinstance(error, openai.ContentFilterFinishReasonError):
            return PolicyBlock("content_filter")
        if isinstance(error, openai.LengthFinishReasonError):
            return vendor.failure(OutputLostError, advice="the answer was cut off at the longest length allowed")
        known = generated_sdk_failure(vendor, openai, error)
        if known is None and isinstance(error, (openai.OpenAIError, TypeError)):
            # Raised before anything is sent: settings the SDK refuses.
            return vendor.failure(
                InvalidRequestError, advice="the installed openai package refused the request before sending it"
            )
        return known

    return table


table = table_of(VENDOR)
"""Returns what an exception means, or ``None`` if it is not one of openai's."""
