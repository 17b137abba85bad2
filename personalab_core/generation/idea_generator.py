"""Plans a persona's content with a text model, and checks the plan before it is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ConfigDict, Field, ValidationError

from personalab_core.config import Config
from personalab_core.errors import ConfigError, LLMError
from personalab_core.generation.context import SIMULATED_PROVIDER
from personalab_core.generation.novelty import repetitions
from personalab_core.generation.plan_store import save_plan
from personalab_core.generation.text_model import TextModel, broken_rules
from personalab_core.generation.transport import TransportRetry
from personalab_core.llm import LLMClient, LLMTextResponse, Source
from personalab_core.observability.ledger import SubmissionLedger
from personalab_core.prompts import SystemPrompt, prompt_hash, render_template, subject_description
from personalab_core.schemas import Character, ContentPlan, Contract, PlannedContent, PlannedIdea, PlanSource

PLAN_PROMPT = "content_plan"


class _Answer(Contract):
    """What the model is asked to send."""

    model_config = ConfigDict(extra="ignore")

    planned_content: tuple[PlannedIdea, ...] = Field(min_length=1)


class IdeaGenerator:
    """Turns a persona into a content plan.

    Args:
        client: Reaches the text model.
        config: Names provider and model.
        persona: Whom to plan for.
        system_prompts: As ``load_system_prompts`` gives them.
        n_items: How many pieces to plan.
        earlier: Ideas that were planned before and are not to be repeated.
        transport_retry: Repeats failed calls; a :class:`RetryPolicy` with its defaults if ``None``.
        ledger: Keeps account of the calls; ``None`` keeps none.
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
        earlier: Sequence[PlannedIdea] = (),
        transport_retry: TransportRetry | None = None,
        ledger: SubmissionLedger | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        if PLAN_PROMPT not in system_prompts:
            raise ConfigError(f"The system prompts have no {PLAN_PROMPT!r}; load_system_prompts(config) gives one.")
        self._model = TextModel(
            client, config, persona=persona.id, purpose="plan", transport_retry=transport_retry, ledger=ledger
        )
        self._persona = persona
        self._prompt = system_prompts[PLAN_PROMPT]
        self._n_items = n_items
        self._earlier = tuple(earlier)
        self._clock = clock

    def generate(self) -> ContentPlan:
        """Return a valid plan.

        An answer that breaks the schema, leaves the persona's pillars or repeats earlier ideas is
        sent back once with what is wrong. Ideas that are still repetitions then are left out and
        named in the plan; how repetition is told is in :mod:`personalab_core.generation.novelty`.

        Raises:
            LLMError: The call failed, was blocked, was not valid twice, or brought nothing new.
        """
        variables = self._variables()
        system = render_template(self._prompt.system, variables, source=self._prompt.source)
        user = render_template(self._prompt.user, variables, source=self._prompt.source)
        response = self._ask(system, f"{user}{self._known_ideas()}")
        sources, problems = response.sources, self._problems(response)
        if problems:
            response = self._ask(system, f"{user}{self._known_ideas()}\n\n{_correction(problems)}")
            sources += response.sources  # a correction rests on what was found before it, too
        return self._plan(self._checked(response), sources, f"{system}\n{user}")

    def generate_and_save(self, path: str | Path) -> ContentPlan:
        """Return a valid plan, saved as YAML at ``path``; a plan that is there is kept in ``plans/`` beside it.

        Raises:
            LLMError: As :meth:`generate`; ``path`` is as before.
            WorkspaceError: The file cannot be written; ``path`` is as before.
        """
        plan = self.generate()
        save_plan(Path(path), plan)
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
        schema, what = _Answer.model_json_schema(), "the content plan"
        return self._model.ask(system=system, user=user, schema=schema, use_search=True, what=what)

    def _known_ideas(self) -> str:
        """Return the part of the request that lists what was planned before, the newest fifty."""
        if not self._earlier:
            return ""
        known = (f"- {idea.title}: {idea.scenario_details.get('action_details', '')}" for idea in self._earlier[-50:])
        return "\n\nPlanned before; do not repeat any of these ideas:\n" + "\n".join(known)

    def _problems(self, response: LLMTextResponse) -> str:
        """Return what is wrong with an answer; empty if nothing is."""
        try:
            ideas = _Answer.model_validate(response.parsed).planned_content
        except ValidationError as error:
            return broken_rules(error)
        pillars = self._persona.content_pillars
        strange = [n for n, idea in enumerate(ideas) if pillars and _pillar(idea.pillar, pillars) is None]
        sentences = [f"planned_content.{n}.pillar is none of: {', '.join(pillars)}." for n in strange]
        again = repetitions(ideas, self._earlier)
        sentences += [f"planned_content.{found.index} repeats the earlier idea '{found.earlier}'." for found in again]
        return " ".join(sentences)

    def _checked(self, response: LLMTextResponse) -> tuple[tuple[PlannedContent, ...], tuple[str, ...]]:
        """Return the items worth keeping and the titles of the repetitions that were left out."""
        try:
            ideas = _Answer.model_validate(response.parsed).planned_content
        except ValidationError as error:
            raise LLMError(
                f"the answer is not a content plan, even after one correction: {broken_rules(error)}",
                provider=self._model.provider,
                request_id=response.request_id,
            ) from None
        repeated = {found.index for found in repetitions(ideas, self._earlier)}
        kept = [self._item(idea) for n, idea in enumerate(ideas) if n not in repeated]
        if not kept:
            raise LLMError(
                f"all {len(ideas)} ideas repeat earlier ones, even after one correction; widen the content pillars "
                "or ask for fewer pieces",
                provider=self._model.provider,
                request_id=response.request_id,
            )
        return tuple(kept), tuple(ideas[n].title for n in sorted(repeated))

    def _item(self, idea: PlannedIdea) -> PlannedContent:
        """Return the idea as an item; a pillar the persona does not have is left empty, not believed."""
        pillars = self._persona.content_pillars
        pillar = (_pillar(idea.pillar, pillars) or "") if pillars else idea.pillar
        return PlannedContent.model_validate({**idea.model_dump(), "pillar": pillar})

    def _plan(
        self, checked: tuple[tuple[PlannedContent, ...], tuple[str, ...]], sources: Sequence[Source], prompt: str
    ) -> ContentPlan:
        items, repeated = checked
        pages = {source.url: PlanSource(title=source.title, url=source.url) for source in sources}
        return ContentPlan(
            persona=self._persona.id,
            created_at=self._clock(),
            provider=self._model.provider,
            model=self._model.name,
            simulated=self._model.provider == SIMULATED_PROVIDER,
            prompt_hash=prompt_hash(prompt),
            sources=tuple(pages.values()),
            repeated=repeated,
            planned_content=items,
        )


def _pillar(named: str, pillars: Sequence[str]) -> str | None:
    """Return the persona's pillar that was meant, whatever its case and spacing."""
    plain = " ".join(named.casefold().split())
    return next((pillar for pillar in pillars if " ".join(pillar.casefold().split()) == plain), None)


def _correction(problems: str) -> str:
    return f"Your last answer did not follow the request: {problems} Answer again, with JSON only."
