"""From what the runware-sdk package raises to the errors of this package."""

from __future__ import annotations

from collections.abc import Mapping

from runware import RunwareError

from personalab_core.errors import (
    AuthenticationError,
    CallCancelledError,
    InvalidRequestError,
    LLMError,
    OutputLostError,
    ProviderConnectionError,
    ProviderServerError,
    ProviderTimeoutError,
    QuotaExceededError,
    RateLimitError,
)
from personalab_core.llm.vendor_errors import PolicyBlock, Vendor, status_failure, transport_failure

VENDOR = Vendor("runware", ("RUNWARE_API_KEY",))

CODES: Mapping[str, type[LLMError]] = {
    "validation": InvalidRequestError,
    "auth": AuthenticationError,
    "quota": QuotaExceededError,
    "rateLimit": RateLimitError,
    "provider": ProviderServerError,
    "timeout": ProviderTimeoutError,
    "notFound": InvalidRequestError,
    "serverError": ProviderServerError,
    "connection": ProviderConnectionError,
    "aborted": CallCancelledError,
    "unknown": OutputLostError,
}
"""The SDK's own codes; ``safety`` is missing because a policy block is an outcome."""


def table(error: BaseException) -> LLMError | PolicyBlock | None:
    """Return what an exception means, or ``None`` if it is not one of runware's."""
    if not isinstance(error, RunwareError):
        return transport_failure(VENDOR, error)
    if error.code == "safety":
        return PolicyBlock("safety", error.task_uuid)
    status = error.status_code
    # A refusal without a readable body has the code "unknown"; then the status says more.
    if error.code == "unknown" and status is not None and status >= 400:
        return status_failure(VENDOR, status)
    return VENDOR.failure(
        CODES[error.code],
        status=status,
        words=(error.code,),
        request_id=error.request_id or error.task_uuid,
        retry_after_s=error.retry_after,
    )
