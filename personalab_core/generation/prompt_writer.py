"""Turns what a person typed into a structured prompt by asking a text model.

Without a text model, :mod:`personalab_core.generation.prompt_structuring` does the same by rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from personalab_core.config import Config
from personalab_core.errors import ConfigError, InputError, LLMError
from personalab_core.generation.text_model import TextModel, broken_rules
from personalab_core.generation.transport import TransportRetry
from personalab_core.llm import LLMClient, LLMTextResponse
from personalab_core.observability.ledger import SubmissionLedger
from personalab_core.prompts import SystemPrompt, render_template, subject_description
from personalab_core.schemas import Character, ImagePrompt, VideoPrompt

P = TypeVar("P", ImagePrompt, VideoPrompt)
_OURS = "subject_description"


class PromptWriter:
    """Writes structured prompts of one persona.

    Args:
        client: Reaches the text model.
        config: Names the model.
        persona: Who is shown; the look always comes from here, never from the model.
        system_prompts: As ``load_system_prompts`` gives them.
        transport_retry: Repeats failed calls; a :class:`RetryPolicy` with its defaults if ``None``.
        ledger: Keeps account of the calls; ``None`` keeps none.
    """

    def __init__(
        self,
        *,
        client: LLMClient,
        config: Config,
        persona: Character,
        system_prompts: Mapping[str, SystemPrompt],
        transport_retry: TransportRetry | None = None,
        ledger: SubmissionLedger | None = None,
    ) -> None:
        self._model = TextModel(
            client, config, persona=persona.id, purpose="prompt", transport_retry=transport_retry, ledger=ledger
        )
        self._subject = subject_description(persona)
        self._prompts = system_prompts

    def image(self, request: str) -> ImagePrompt:
        """Return the picture that a free request asks for.

        Raises:
            InputError: The request is empty.
            LLMError: The call failed, was blocked, or was not valid, even after one correction.
        """
        return self._write("image_prompt", request, ImagePrompt)

    def video(self, request: str) -> VideoPrompt:
        """Return the video that a free request asks for; raises as :meth:`image`."""
        return self._write("video_prompt", request, VideoPrompt)

    def _write(self, name: str, request: str, kind: type[P]) -> P:
        if not request.strip():
            raise InputError("The request is empty: say what is to be seen, such as 'reading in a cafe, smiling'.")
        if name not in self._prompts:
            raise ConfigError(f"The system prompts have no {name!r}; load_system_prompts(config) gives one.")
        prompt, variables = self._prompts[name], {"SUBJECT": self._subject, "REQUEST": request.strip()}
        system = render_template(prompt.system, variables, source=prompt.source)
        user = render_template(prompt.user, variables, source=prompt.source)
        response = self._ask(system, user, kind)
        try:
            return self._checked(response, kind)
        except ValidationError as error:
            problems = broken_rules(error)
        response = self._ask(
            system, f"{user}\n\nYour last answer did not fit: {problems} Answer again, JSON only.", kind
        )
        try:
            return self._checked(response, kind)
        except ValidationError as error:
            raise LLMError(
                f"the answer is no structured prompt, even after one correction: {broken_rules(error)}",
                provider=self._model.provider,
                request_id=response.request_id,
            ) from None

    def _ask(self, system: str, user: str, kind: type[P]) -> LLMTextResponse:
        what = "the request for a prompt"
        return self._model.ask(system=system, user=user, schema=_schema(kind), use_search=False, what=what)

    def _checked(self, response: LLMTextResponse, kind: type[P]) -> P:
        parsed: Any = response.parsed
        fields = parsed if isinstance(parsed, Mapping) else {"action_details": None}
        known = {name: value for name, value in fields.items() if name in kind.model_fields}
        return kind.model_validate({**known, _OURS: self._subject})


def _schema(kind: type[P]) -> dict[str, Any]:
    schema = kind.model_json_schema()
    properties = {name: value for name, value in schema["properties"].items() if name != _OURS}
    return {"type": "object", "properties": properties, "required": ["action_details", "location_details"]}
