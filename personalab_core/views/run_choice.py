"""What can be chosen for one run: provider and model of each modality, budget; and what that would cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from pydantic import JsonValue

from personalab_core.config import Config
from personalab_core.jobs import GenerateAnchorsParams
from personalab_core.llm.prices import Price, price_table, worst_case_price
from personalab_core.llm.provider_checks import VENDORS
from personalab_core.llm.routing import Modality as Modality
from personalab_core.schemas import AttemptRecord, Decision
from personalab_core.views import numbers
from personalab_core.views.history import PersonaHistory

SIMULATED = "simulated"
PAST = 200
"""So many of a persona's newest attempts say what the next ones cost and take."""
NOUNS: Mapping[Modality, str] = {"image": "picture", "video": "video"}
_SIMULATED_MODELS: Mapping[Modality, str] = {
    "text": "portrait-text-1",
    "image": "portrait-image-1",
    "video": "portrait-video-1",
}
_PRICED: Mapping[Modality, Callable[[Price], bool]] = {
    "text": lambda row: row.per_million_output_tokens is not None and row.per_image is None,
    "image": lambda row: row.per_image is not None,
    "video": lambda row: row.per_second is not None or row.max_credits_per_second is not None,
}
"""Whether a row of the price table is about models of a modality."""


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """Provider and model of one modality of a run."""

    provider: str
    model: str
    modality: Modality = "image"

    @property
    def simulated(self) -> bool:
        """Whether nothing can be spent."""
        return self.provider == SIMULATED


@dataclass(frozen=True, slots=True)
class Order:
    """So many pictures or videos of one model, each tried at most ``max_attempts`` times."""

    choice: ModelChoice
    n: int
    max_attempts: int = 1
    n_references: int = 1

    @property
    def most_usd(self) -> float | None:
        """The most that one call can cost; ``None`` if the price is unknown."""
        choice = self.choice
        worst = worst_case_price(choice.provider, choice.model, choice.modality, n_references=self.n_references)
        return worst.amount_usd if worst else None


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run would cost and take: ``price`` as a button says it after its noun, and a sentence that says more."""

    price: str
    sentence: str


def configured_model(config: Config, modality: Modality = "image") -> ModelChoice:
    """Return provider and model of a modality as they are configured."""
    return ModelChoice(config.provider(modality), config.model_name(modality), modality)


def providers_of(config: Config, modality: Modality) -> tuple[str, ...]:
    """Return the providers of a modality that a run may use here, the configured one first.

    In a simulated workspace it is the simulator alone, whatever keys there are: nobody pays by trying.
    """
    configured = config.provider(modality)
    if config.profile == SIMULATED:
        return (configured,)
    able = [(name, vendor) for name, vendor in VENDORS.items() if modality in vendor.makes]
    with_key = [name for name, vendor in able if config.secret(*vendor.key_variables)]
    return tuple(dict.fromkeys([configured, *with_key, SIMULATED]))


def models_of(config: Config, modality: Modality, provider: str) -> tuple[str, ...]:
    """Return the models of a provider that are known by name, the configured one first; others may be typed."""
    rows = [row for row in price_table() if row.provider == provider and _PRICED[modality](row)]
    known = [name for row in rows if (name := row.model.removesuffix("*")) and not name.endswith("-")]
    own = [config.model_name(modality)] if provider == config.provider(modality) else []
    simulated = [_SIMULATED_MODELS[modality]] if provider == SIMULATED else []
    return tuple(dict.fromkeys([*own, *simulated, *known]))


def model_overrides(config: Config, choices: Sequence[ModelChoice]) -> dict[str, JsonValue]:
    """Return what differs from the configuration, as dotted settings for a job."""
    changed: dict[str, JsonValue] = {}
    for choice in choices:
        of = choice.modality
        if choice == configured_model(config, of):
            continue
        changed |= {f"models.{of}.provider": choice.provider, f"models.{of}.model_name": choice.model}
        if of != "text":
            changed[f"generation.{of}.provider"] = choice.provider
    return changed


def budget_override(config: Config, budget_usd: float | None) -> dict[str, JsonValue]:
    """Return the limit of a run as a dotted setting, if it differs from the configured one."""
    return {} if budget_usd == config.budget.per_run else {"budget.per_run": budget_usd}


def what_is_ordered(orders: Sequence[Order]) -> str:
    """Return such as ``4 pictures and 1 video``."""
    kinds = [numbers.plural(order.n, NOUNS[order.choice.modality]) for order in orders if order.n]
    return numbers.listing(kinds).replace(numbers.NBSP, " ")


def estimate(history: PersonaHistory, orders: Sequence[Order]) -> Estimate:
    """Return what a run would cost and take.

    From this persona's own past with the same provider and model where there is one, retries included; else
    from the price table, from one attempt an asset to all that are allowed.
    """
    past = history.attempts.newest(PAST)
    time = _time(past, orders)
    takes = f" Takes {time}." if time else ""
    paid = [order for order in orders if not order.choice.simulated]
    if not paid:
        return Estimate("(simulated, $0.00)", f"Simulated, $0.00: nothing is spent.{takes}")
    free = " What is simulated costs nothing." if len(paid) < len(orders) else ""
    priced = _from_past(past, paid) or _from_table(paid)
    return Estimate(priced.price, f"{priced.sentence}{free}{takes}")


def estimate_anchors(config: Config, params: GenerateAnchorsParams) -> Estimate:
    """Return what candidates and the views made from them would cost; the choice itself costs nothing."""
    choice = configured_model(config)
    if choice.simulated:
        return Estimate("(simulated, $0.00)", "Simulated, $0.00: nothing is spent.")
    n_views = len(params.kinds) if params.select else 0
    orders = [Order(choice, params.n_candidates, n_references=0), Order(choice, n_views)]
    return _from_table([order for order in orders if order.n])


def _from_past(past: Sequence[AttemptRecord], orders: Sequence[Order]) -> Estimate | None:
    """Return what the last ones with the same models did cost, if there were any for every order."""
    known = [_cost_each(past, order) for order in orders]
    each = [found for found in known if found is not None]
    if len(each) < len(orders):
        return None
    about = sum(usd * order.n for (usd, _), order in zip(each, orders, strict=True))
    most = _most_usd(orders)
    limit = f"At most {numbers.money(most)}." if most is not None else "The most it can cost is unknown."
    n_accepted = sum(n for _, n in each)
    return Estimate(f"for about {numbers.money(about)}", f"From {n_accepted} accepted so far with this model. {limit}")


def _cost_each(past: Sequence[AttemptRecord], order: Order) -> tuple[float, int] | None:
    same = [r for r in past if _made_by(r, order.choice) and r.context.model == order.choice.model]
    n_accepted = sum(r.decision is Decision.ACCEPT for r in same)
    spent = numbers.total_usd(r.cost.amount_usd for r in same)
    return (spent / n_accepted, n_accepted) if spent is not None and n_accepted else None


def _from_table(orders: Sequence[Order]) -> Estimate:
    unknown = [order.choice for order in orders if order.most_usd is None]
    if unknown:
        named = numbers.listing(list(dict.fromkeys(choice.model for choice in unknown)))
        return Estimate("(price unknown)", f"The price of {named} is unknown.")
    least = numbers.money(numbers.total_usd(_times(order.most_usd, order.n) for order in orders))
    most = numbers.money(_most_usd(orders))
    if least == most:
        return Estimate(f"for at most {most}", f"{most} by the price table.")
    return Estimate(f"for {least} to {most}", f"{least} if each is accepted at once, {most} if every attempt is used.")


def _most_usd(orders: Sequence[Order]) -> float | None:
    return numbers.total_usd(_times(order.most_usd, order.n * order.max_attempts) for order in orders)


def _times(usd: float | None, n: int) -> float | None:
    return None if usd is None else usd * n


def _made_by(record: AttemptRecord, choice: ModelChoice) -> bool:
    return record.asset_type == choice.modality and record.context.provider == choice.provider


def _time(past: Sequence[AttemptRecord], orders: Sequence[Order]) -> str:
    """Return how long a run takes at the pace of the last ones; empty if there were none for some order."""
    took_s = [_seconds([r for r in past if _made_by(r, order.choice)], order.n) for order in orders]
    whole_s = numbers.total_usd(took_s)
    if whole_s is None:
        return ""
    whole_s = max(1.0, whole_s)
    return f"about {round(whole_s)}{numbers.NBSP}s" if whole_s < 60 else numbers.duration(whole_s)


def _seconds(past: Sequence[AttemptRecord], n_assets: int) -> float | None:
    seconds = [r.timings.generate_s + (r.timings.measure_s or 0) for r in past if r.timings.generate_s is not None]
    n_assets_past = len({r.asset_id for r in past})
    return n_assets * median(seconds) * len(past) / n_assets_past if seconds and n_assets_past else None
