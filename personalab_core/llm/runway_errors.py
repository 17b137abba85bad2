"""From what the runwayml package raises, and what its tasks end with, to the errors of this package."""

from __future__ import annotations

import logging

import runwayml
from runwayml.lib.polling import (
    TaskFailedError,
    TaskTimeoutError,
    WorkflowInvocationFailedError,
    WorkflowInvocationTimeoutError,
)

from personalab_core.errors import (
    InvalidRequestError,
    LLMError,
    ProviderServerError,
    ProviderTimeoutError,
)
from personalab_core.llm.vendor_errors import PolicyBlock, Vendor, generated_sdk_failure

VENDOR = Vendor("runway", ("RUNWAY_API_KEY", "RUNWAYML_API_SECRET"))


def _without_request_bodies(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith("Request options")


# At DEBUG the SDK prints whole requests, pictures and prompt included; nothing else there can be told to stop it.
logging.getLogger("runwayml._base_client").addFilter(_without_request_bodies)


def table(error: BaseException) -> LLMError | PolicyBlock | None:
    """Return what an exception means, or ``None`` if it is not one of runwayml's."""
    if isinstance(error, (TaskTimeoutError, WorkflowInvocationTimeoutError)):
        return VENDOR.failure(ProviderTimeoutError)
    if isinstance(error, (TaskFailedError, WorkflowInvocationFailedError)):
        return VENDOR.failure(ProviderServerError, advice="the task failed")
    known = generated_sdk_failure(VENDOR, runwayml, error)
    if known is None and isinstance(error, (runwayml.RunwayMLError, TypeError)):
        # Raised before anything is sent: settings or arguments the SDK refuses.
        return VENDOR.failure(
            InvalidRequestError, advice="the installed runwayml package refused the request before sending it"
        )
    return known


def task_failure(code: str | None, request_id: str) -> LLMError | PolicyBlock:
    """Return what a failed task means by its failure code, such as ``SAFETY.INPUT.TEXT`` or ``INTERNAL.BAD_OUTPUT``."""
    steps = (code or "").split(".")
    if {"SAFETY", "MODERATION"} & set(steps):
        return PolicyBlock(".".join(steps), request_id)
    kind = InvalidRequestError if steps[0] in {"ASSET", "INPUT_PREPROCESSING", "INPUT"} else ProviderServerError
    words = (code,) if code else ()
    return VENDOR.failure(kind, advice="the task failed", words=words, request_id=request_id)
