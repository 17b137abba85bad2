"""Ask a vendor whether it can be reached, takes the key and knows the model, without making anything.

Each vendor has a request that costs nothing: reading a model's description, or the
account's. It is sent without the SDK, so that it also works before the SDK is installed.
The addresses are those of the SDKs; no vendor was called to confirm them.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
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
        list_address: Where the models are listed that there are.
    """

    address: str
    headers: Mapping[str, str]
    body: Any = None
    names_model: bool = True
    list_address: str | None = None


@dataclass(frozen=True, slots=True)
class Reachability:
    """What came back: ``ok``, and a sentence that says what to do if it is not."""

    ok: bool
    detail: str


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def _gemini(model: str | None, key: str, base_url: str | None) -> Question:
    models = f"{base_url or 'https://generativelanguage.googleapis.com'}/v1beta/models"
    return _about_model(models, model, {"x-goog-api-key": key}, query="?pageSize=1000")


def _openai(model: str | None, key: str, base_url: str | None) -> Question:
    return _about_model(f"{base_url or 'https://api.openai.com/v1'}/models", model, _bearer(key))


def _about_model(models: str, model: str | None, headers: Mapping[str, str], *, query: str = "") -> Question:
    """Return the question about one model of a list, or about the list."""
    if model is None:
        return Question(f"{models}{query}", headers, names_model=False)
    return Question(f"{models}/{quote(model, safe='')}", headers, list_address=f"{models}{query}")


def _replicate(model: str | None, key: str, base_url: str | None) -> Question:
    base = f"{base_url or 'https://api.replicate.com'}/v1"
    if model is None:
        return Question(f"{base}/account", _bearer(key), names_model=False)
    return Question(f"{base}/models/{quote(model.partition(':')[0], safe='/')}", _bearer(key))


def _runway(_model: str | None, key: str, base_url: str | None) -> Question:
    headers = {**_bearer(key), "X-Runway-Version": "2024-11-06"}
    address = f"{base_url or 'https://api.dev.runwayml.com'}/v1/organization"
    return Question(address, headers, names_model=False)


def _runware(_model: str | None, key: str, base_url: str | None) -> Question:
    return Question(
        base_url or "https://api.runware.ai/v1",
        _bearer(key),
        body=[{"taskType": "accountManagement", "operation": "getDetails", "taskUUID": str(uuid.uuid4())}],
        names_model=False,
    )


def _openai_compatible(_model: str | None, key: str, base_url: str | None) -> Question:
    # Such servers list their models; not all of them describe a single one.
    return Question(f"{base_url}/models", _bearer(key), names_model=False)


def _http(_model: str | None, _key: str, base_url: str | None) -> Question:
    return Question(f"{base_url}/", {}, names_model=False)


QUESTIONS: Mapping[str, Callable[[str | None, str, str | None], Question]] = {
    "gemini": _gemini,
    "http": _http,
    "openai": _openai,
    "openai_compatible": _openai_compatible,
    "replicate": _replicate,
    "runway": _runway,
    "runware": _runware,
}
"""Providers that can be asked."""


def check_reachability(
    provider: str,
    model_name: str | None,
    api_key: str,
    *,
    base_url: str | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
) -> Reachability:
    """Return whether ``provider`` answers, takes the key and knows the model; nothing is made or paid.

    Args:
        provider: One of :data:`QUESTIONS`.
        model_name: The model that the configuration names; ``None`` asks about the key alone.
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
            if provider == "http":
                return Reachability(ok=True, detail="answers (whether it knows the model, only a picture would tell)")
            if answer.status_code == 404 and question.names_model and question.list_address:
                listed = _names(client.get(question.list_address, headers=dict(question.headers)))
                return _unknown_model(model_name or "", listed)
    except httpx.TimeoutException:
        return Reachability(ok=False, detail=f"no answer within {timeout_s:g} s; check the network and proxy settings")
    except httpx.HTTPError:
        return Reachability(ok=False, detail="could not be reached; check the address, the network and proxy settings")
    if provider == "openai_compatible" and model_name is not None and answer.status_code < 400:
        listed = _names(answer)
        if model_name not in listed:
            return _unknown_model(model_name, listed)
        return Reachability(ok=True, detail=f"answers and knows {model_name}")
    return _judge(answer, question, model_name)


def _judge(answer: httpx.Response, question: Question, model_name: str | None) -> Reachability:
    status = answer.status_code
    # Runware may refuse with status 200 and say so in the body.
    refused_key = "API_KEY_INVALID" in answer.text or "invalidApiKey" in answer.text
    if status < 400 and not refused_key:
        about = f" and knows {model_name}" if question.names_model else ""
        if not question.names_model and model_name is not None:
            about = " (it has no free question about one model)"
        return Reachability(ok=True, detail=f"answers, takes the key{about}")
    # Google says 400, not 401, to a key that is wrong.
    if status in (401, 403) or refused_key:
        return Reachability(ok=False, detail="refuses the key; make a new one or give it the permission")
    if status == 404 and question.names_model:
        return _unknown_model(model_name or "", [])
    return Reachability(ok=False, detail=f"answers with HTTP {status}; try again later")


def _unknown_model(model_name: str, listed: list[str]) -> Reachability:
    near = get_close_matches(model_name, listed, n=3)
    hint = f" It has {', '.join(near)}." if near else ""
    return Reachability(ok=False, detail=f"does not know the model {model_name}; check models.*.model_name.{hint}")


def _names(answer: httpx.Response) -> list[str]:
    """Return the names in a list of models, as Google (``models/x``) or OpenAI writes it; none if it is unreadable."""
    try:
        body = answer.json()
        rows = body.get("models") or body.get("data") or []
        return [str(row.get("id") or row.get("name")).removeprefix("models/") for row in rows]
    except (ValueError, AttributeError, TypeError):
        return []
