"""What can be chosen for one run: provider, model, budget; and what that would cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from pydantic import JsonValue

from personalab_core.config import Config
from personalab_core.jobs.checks import KEY_VARIABLES
from personalab_core.llm.prices import price_table, worst_case_price
from personalab_core.schemas import AttemptRecord, Decision
from personalab_core.views import numbers
from personalab_core.views.history import PersonaHistory

SIMULATED = "simulated"
_IMAGE_PROVIDERS = ("gemini", "openai", "runware", "replicate")


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """Provider and model of the pictures of one run."""

    provider: str
    model: str

    @property
    def simulated(self) -> bool:
        """Whether nothing can be spent."""
        return self.provider == SIMULATED


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run would cost and take, and the words of the button that starts it."""

    button: str
    sentence: str


def configured_model(config: Config) -> ModelChoice:
    """Return provider and model of pictures as they are configured."""
    return ModelChoice(config.provider("image"), config.model_name("image"))


def image_providers(config: Config) -> tuple[str, ...]:
    """Return the providers of pictures that a run may use here, the configured one first.

    In a simulated workspace it is the simulator alone, whatever keys there are: nobody pays by trying.
    """
    configured = config.provider("image")
    if config.profile == SIMULATED:
        return (configured,)
    with_key = [name for name in _IMAGE_PROVIDERS if config.secret(*KEY_VARIABLES.get(name, (name,)))]
    return tuple(dict.fromkeys([configured, *with_key, SIMULATED]))


def image_models(config: Config, provider: str) -> tuple[str, ...]:
    """Return the models of a provider that are known by name, the configured one first; others may be typed."""
    known = [row.model.rstrip("*") for row in price_table() if row.provider == provider and row.per_image is not None]
    own = [config.model_name("image")] if provider == config.provider("image") else []
    simulated = ["portrait-image-1"] if provider == SIMULATED else []
    return tuple(dict.fromkeys([*own, *simulated, *(name for name in known if name)]))


def model_overrides(config: Config, choice: ModelChoice, budget_usd: float | None) -> dict[str, JsonValue]:
    """Return what differs from the configuration, as dotted settings for the job."""
    changed: dict[str, JsonValue] = {}
    if choice != configured_model(config):
        changed |= {"models.image.provider": choice.provider, "models.image.model_name": choice.model}
        changed["generation.image.provider"] = choice.provider
    if budget_usd != config.budget.per_run:
        changed["budget.per_run"] = budget_usd
    return changed


def estimate(history: PersonaHistory, *, n_assets: int, choice: ModelChoice, max_attempts: int) -> Estimate:
    """Return what a run of so many pictures would cost and take.

    From this persona's own past with the same provider and model where there is one, retries included; else
    from the price table, from one attempt a picture to all that are allowed.
    """
    what = numbers.plural(n_assets, "picture").replace(numbers.NBSP, " ")
    past = history.attempts.newest(200)
    time = _time([r for r in past if r.context.provider == choice.provider], n_assets)
    takes = f" Takes {time}." if time else ""
    if choice.simulated:
        return Estimate(f"Generate {what} (simulated, $0.00)", f"Simulated, $0.00: nothing is spent.{takes}")
    worst = worst_case_price(choice.provider, choice.model, "image", n_references=1)
    bound = worst.amount_usd if worst else None
    most = numbers.money(bound * n_assets * max_attempts) if bound is not None else None
    cost = _from_past([r for r in past if (r.context.provider, r.context.model) == (choice.provider, choice.model)])
    if cost is not None:
        each, n_accepted = cost
        limit = f" At most {most}." if most else " The most it can cost is unknown."
        return Estimate(
            f"Generate {what} for about {numbers.money(each * n_assets)}",
            f"From {n_accepted} accepted so far with this model.{limit}{takes}",
        )
    if bound is None or most is None:
        return Estimate(f"Generate {what} (price unknown)", f"The price of this model is unknown.{takes}")
    least = numbers.money(bound * n_assets)
    return Estimate(
        f"Generate {what} for {least} to {most}",
        f"{least} if each is accepted at once, {most} if every attempt is used.{takes}",
    )


def _from_past(past: Sequence[AttemptRecord]) -> tuple[float, int] | None:
    n_accepted = sum(r.decision is Decision.ACCEPT for r in past)
    spent = numbers.total_usd(r.cost.amount_usd for r in past)
    return (spent / n_accepted, n_accepted) if spent is not None and n_accepted else None


def _time(past: Sequence[AttemptRecord], n_assets: int) -> str:
    seconds = [r.timings.generate_s + (r.timings.measure_s or 0) for r in past if r.timings.generate_s is not None]
    n_assets_past = len({r.asset_id for r in past})
    if not seconds or not n_assets_past:
        return ""
    took_s = max(1.0, n_assets * median(seconds) * len(past) / n_assets_past)
    return f"about {round(took_s)}{numbers.NBSP}s" if took_s < 60 else numbers.duration(took_s)
