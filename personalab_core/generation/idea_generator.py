"""Plans a persona's content with a text model, and checks the plan before it is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from pydantic import ConfigDict, Field, ValidationError

from personalab_core.config import Config, write_yaml
from personalab_core.errors import ConfigError, LLMError
from personalab_core.generation.context import SIMULATED_PROVIDER
from personalab_core.generation.retry_policy import RetryPolicy
from personalab_core.generation.transport import TransportRetry
from personalab_core.llm import LLMClient, LLMTextResponse, provider_of
from personalab_core.prompts import SystemPrompt, prompt_hash, render_template, subject_description
from personalab_core.schemas import Character, ContentPlan, Contract, PlannedContent, PlanSource

PLAN_PROMPT = "content_plan"


class _Answer(Contract):
    """What the model is asked to send."""

    model_config = ConfigDict(extra="ignore")

    planned_content: tuple[PlannedContent, ...] = Field(min_length=1)


class IdeaGenerator:
    """Turns a persona into a content plan.

    Args:
        client: Reaches the text model.
        config: Names provider and model.
        persona: Whom to plan for.
        system_prompts: As ``load_system_prompts`` gives them.
        n_items: How many pieces to plan.
        transport_retry: Repeats failed calls; a :class:`RetryPolicy` with its defaults if ``None``.
        clock: Current time, with zone.

    Raises:
        ConfigError: ``system_prompts`` has no ``content_plan``.
    """

    def __init__(
        self,
        *,
        client: LLMClient,
        config: Config,
        persona: Character,
        system_prompts: Mapping[str, SystemPrompt],
        n_items: int = 3,
        transport_retry: TransportRetry | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        if PLAN_PROMPT not in system_prompts:
            raise ConfigError(f"The system prompts have no {PLAN_PROMPT!r}; load_system_prompts(config) gives one.")
        self._client = client
        self._model = config.model_name("text")
        self._provider = provider_of(client, "text")
        self._persona = persona
        self._prompt = system_prompts[PLAN_PROMPT]
        self._n_items = n_items
        self._transport_retry: TransportRetry = transport_retry or RetryPolicy()
        self._clock = clock

    def generate(self) -> ContentPlan:
        """Return a valid plan. An answer that is not valid is sent back once with what is wrong.

        Raises:
            LLMError: The call failed, was blocked, or was not valid twice.
        """
        variables = self._variables()
        system = render_template(self._prompt.system, variables, source=self._prompt.source)
        user = render_template(self._prompt.user, variables, source=self._prompt.source)
        response = self._ask(system, user)
        try:
            answer = _Answer.model_validate(response.parsed)
        except ValidationError as error:
            response = self._ask(system, f"{user}\n\n{_correction(error)}")
            answer = self._last_chance(response)
        return self._plan(answer, response, f"{system}\n{user}")

    def generate_and_save(self, path: str | Path) -> ContentPlan:
        """Return a valid plan, saved as YAML at ``path``; a file that is there is replaced as a whole.

        Raises:
            LLMError: The call failed, was blocked, or was not valid twice; ``path`` is as before.
            WorkspaceError: The file cannot be written; ``path`` is as before.
        """
        plan = self.generate()
        write_yaml(Path(path), plan.model_dump(mode="json"))
        return plan

    def _variables(self) -> dict[str, str]:
        persona = self._persona
        return {
            "PERSONA_NAME": persona.name,
            "SUBJECT": subject_description(persona),
            "VIBE": persona.vibe,
            "LOCATION": persona.location,
            "PILLARS": ", ".join(persona.content_pillars),
            "N_ITEMS": str(self._n_items),
        }

    def _ask(self, system: str, user: str) -> LLMTextResponse:
        request = partial(
            self._client.generate_text_json,
            system_instruction=system,
            user_prompt=user,
            schema=_Answer.model_json_schema(),
            use_search=True,
            model_name=self._model,
        )
        call = self._transport_retry.call(request)
        if call.error is not None:
            raise call.error
        if call.value is None or call.value.block_reason:
            raise LLMError("the provider blocked the content plan under its policy", provider=self._provider)
        return call.value

    def _last_chance(self, response: LLMTextResponse) -> _Answer:
        try:
            return _Answer.model_validate(response.parsed)
        except ValidationError as error:
            raise LLMError(
                f"the answer is not a content plan, even after one correction: {_problems(error)}",
                provider=self._provider,
                request_id=response.request_id,
            ) from None

    def _plan(self, answer: _Answer, response: LLMTextResponse, prompt: str) -> ContentPlan:
        return ContentPlan(
            persona=self._persona.id,
            created_at=self._clock(),
            provider=self._provider,
            model=self._model,
            simulated=self._provider == SIMULATED_PROVIDER,
            prompt_hash=prompt_hash(prompt),
            sources=tuple(PlanSource(title=source.title, url=source.url) for source in response.sources),
            planned_content=answer.planned_content,
        )


def _correction(error: ValidationError) -> str:
    return f"Your last answer did not follow the schema: {_problems(error)} Answer again, with JSON only."


def _problems(error: ValidationError) -> str:
    """Return where and what is wrong, without any of the answer's own words."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return " ".join(f"{'.'.join(str(key) for key in p['loc']) or 'answer'}: {p['type']}." for p in found[:5])
