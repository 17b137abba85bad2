"""Ask a vendor whether it can be reached, takes the key and knows the model, without making anything.

Each vendor has a request that costs nothing: reading a model's description, or the
account's. It is sent without the SDK, so that it also works before the SDK is installed.
The addresses are those of the SDKs; no vendor was called to confirm them.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from personalab_core.llm.connections import tls_context

if TYPE_CHECKING:
    import httpx

DEFAULT_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Question:
    """A request that costs nothing.

    Attributes:
        address: Whole address, the vendor's own server unless another is named.
        headers: How the key is shown.
        body: JSON to send; a request with one is a POST.
        names_model: Whether "not found" means that the model is not known.
    """

    address: str
    headers: Mapping[str, str]
    body: Any = None
    names_model: bool = True


@dataclass(frozen=True, slots=True)
class Reachability:
    """What came back: ``ok``, and a sentence that says what to do if it is not."""

    ok: bool
    detail: str


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def _gemini(model: str, key: str, base_url: str | None) -> Question:
    base = base_url or "https://generativelanguage.googleapis.com"
    return Question(f"{base}/v1beta/models/{quote(model, safe='')}", {"x-goog-api-key": key})


def _openai(model: str, key: str, base_url: str | None) -> Question:
    return Question(f"{base_url or 'https://api.openai.com/v1'}/models/{quote(model, safe='')}", _bearer(key))


def _replicate(model: str, key: str, base_url: str | None) -> Question:
    name = quote(model.partition(":")[0], safe="/")
    return Question(f"{base_url or 'https://api.replicate.com'}/v1/models/{name}", _bearer(key))


def _runway(_model: str, key: str, base_url: str | None) -> Question:
    headers = {**_bearer(key), "X-Runway-Version": "2024-11-06"}
    address = f"{base_url or 'https://api.dev.runwayml.com'}/v1/organization"
    return Question(address, headers, names_model=False)


def _runware(_model: str, key: str, base_url: str | None) -> Question:
    return Question(
        base_url or "https://api.runware.ai/v1",
        _bearer(key),
        body=[{"taskType": "accountManagement", "operation": "getDetails", "taskUUID": str(uuid.uuid4())}],
        names_model=False,
    )


QUESTIONS: Mapping[str, Callable[[str, str, str | None], Question]] = {
    "gemini": _gemini,
    "openai": _openai,
    "replicate": _replicate,
    "runway": _runway,
    "runware": _runware,
}
"""Providers that can be asked."""


def check_reachability(
    provider: str, model_name: str, api_key: str, *, base_url: str | None = None, timeout_s: float = DEFAULT_TIMEOUT_S
) -> Reachability:
    """Return whether ``provider`` answers, takes the key and knows the model; nothing is made or paid.

    Args:
        provider: One of :data:`QUESTIONS`.
        model_name: The model that the configuration names.
        api_key: The provider's key.
        base_url: Another server than the provider's, for tests and gateways.
        timeout_s: Time limit in seconds.
    """
    import httpx

    question = QUESTIONS[provider](model_name, api_key, base_url)
    try:
        with httpx.Client(timeout=timeout_s, verify=tls_context()) as client:
            method = "GET" if question.body is None else "POST"
            answer = client.request(method, question.address, headers=dict(question.headers), json=question.body)
    except httpx.TimeoutException:
        return Reachability(ok=False, detail=f"no answer within {timeout_s:g} s; check the network and proxy settings")
    except httpx.HTTPError:
        return Reachability(ok=False, detail="could not be reached; check the network and proxy settings")
    return _judge(answer, question, model_name)


def _judge(answer: httpx.Response, question: Question, model_name: str) -> Reachability:
    status = answer.status_code
    # Runware may refuse with status 200 and say so in the body.
    refused_key = "API_KEY_INVALID" in answer.text or "invalidApiKey" in answer.text
    if status < 400 and not refused_key:
        about = f"and knows {model_name}" if question.names_model else "(it has no free question about one model)"
        return Reachability(ok=True, detail=f"answers, takes the key {about}")
    # Google says 400, not 401, to a key that is wrong.
    if status in (401, 403) or refused_key:
        return Reachability(ok=False, detail="refuses the key; make a new one or give it the permission")
    if status == 404 and question.names_model:
        return Reachability(ok=False, detail=f"does not know the model {model_name}; check models.*.model_name")
    return Reachability(ok=False, detail=f"answers with HTTP {status}; try again later")
