"""What a call cost, or could cost at most, from a dated table, where the provider does not say. Unknown is ``None``.

Two questions are answered. After a call: what did it cost (:func:`cost_from_table`)?
Before it, or when no answer came: what can it have cost at most
(:func:`worst_case_price`)? Neither ever answers 0 for what it does not know.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from fnmatch import fnmatchcase
from functools import cache

from pydantic import BaseModel, ConfigDict, ValidationError

from personalab_core.config import data_path, read_yaml_mapping
from personalab_core.errors import ConfigError, InvalidRequestError
from personalab_core.llm.client import Usage
from personalab_core.llm.model_table import GeminiVideoModel, RunwayModel, model_row
from personalab_core.llm.routing import Modality
from personalab_core.schemas import Cost


class Price(BaseModel):
    """One row of the table; what it does not name, it does not price.

    Attributes:
        provider: Provider's name.
        model: Model name, or a pattern with ``*``.
        size: Only for this picture size or video resolution.
        per_image: US dollars for one picture made.
        per_reference: US dollars for one reference picture sent.
        per_second: US dollars for one second of video.
        per_million_input_tokens: US dollars.
        per_million_output_tokens: US dollars.
        per_credit: US dollars for one of the provider's own credits.
        max_credits_per_second: Most credits that one second of video takes, sound included.
        max_extra_usd: US dollars that may come on top of one call (tokens of prompt and thinking).
        as_of: Day on which the source was read.
        until: Last day on which the price holds, where the source says so.
        source: Address of the vendor's own page.
        transcription: Where the number was really read, if not on that page.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    provider: str
    model: str
    size: str | None = None
    per_image: float | None = None
    per_reference: float | None = None
    per_second: float | None = None
    per_million_input_tokens: float | None = None
    per_million_output_tokens: float | None = None
    per_credit: float | None = None
    max_credits_per_second: float | None = None
    max_extra_usd: float | None = None
    as_of: date
    until: date | None = None
    source: str
    transcription: str | None = None

    @property
    def origin(self) -> str:
        """What records say of a price from this row."""
        second_hand = ", transcribed" if self.transcription else ""
        return f"price table as of {self.as_of.isoformat()}{second_hand}"

    def amount_usd(self, usage: Usage, credits_spent: float | None = None) -> float | None:
        """Return the price of ``usage``; ``None`` if a figure that the price needs is missing."""
        figures = (
            (self.per_image, usage.n_images),
            (self.per_second, usage.seconds),
            (_each(self.per_million_input_tokens), usage.input_tokens),
            (_each(self.per_million_output_tokens), usage.output_tokens),
            (self.per_credit, credits_spent),
        )
        priced = [(price, amount) for price, amount in figures if price is not None]
        if not priced:
            return None
        total = 0.0
        for price, amount in priced:
            if amount is None:
                return None
            total += price * amount
        return total

    def most_usd(self, modality: Modality, *, n_references: int, duration_s: float | None) -> float | None:
        """Return what one call costs at most; ``None`` if the row does not bound it."""
        made: float | None = None
        if modality == "image":
            made = self.per_image
        elif modality == "video" and duration_s is not None:
            per_second = self.per_second
            if per_second is None and self.per_credit is not None and self.max_credits_per_second is not None:
                per_second = self.per_credit * self.max_credits_per_second
            made = None if per_second is None else per_second * duration_s
        if made is None:
            return None
        return made + (self.per_reference or 0.0) * n_references + (self.max_extra_usd or 0.0)


def cost_from_table(
    provider: str,
    model_name: str,
    usage: Usage,
    *,
    size: str | None = None,
    credits_spent: float | None = None,
    today: date | None = None,
) -> Cost:
    """Return the price of a call by the table, or the unknown price.

    Args:
        provider: Provider's name.
        model_name: The model that was asked.
        usage: What the call consumed.
        size: Picture size or video resolution, where the price depends on it.
        credits_spent: What the provider says it charged, in its own credits.
        today: Day of the call; a price that has run out is not used.
    """
    if usage.n_images == 0:
        return Cost()  # nothing came; whether that was charged is not known
    for row in _rows(provider, model_name, today):
        if row.size not in (None, size):
            continue
        amount = row.amount_usd(usage, credits_spent)
        return Cost() if amount is None else Cost(amount_usd=amount, source=row.origin)
    return Cost()


def worst_case_price(
    provider: str,
    model_name: str,
    modality: Modality,
    *,
    size: str | None = None,
    n_references: int = 0,
    duration_s: float | None = None,
    today: date | None = None,
) -> Cost | None:
    """Return the most that one call can cost by the table; ``None`` if the table does not bound it.

    For a budget before a call, and for a call that was never answered. It counts what this
    package asks for (one picture, or one video of the length in the table of models) at the
    dearest row that fits, list price, without discounts. Calls for text have no bound:
    ``None``, as for every model without a row. The simulator costs 0.

    Args:
        provider: Provider's name.
        model_name: The model to ask.
        modality: What it is asked for.
        size: Picture size or video resolution; the dearest of all if ``None``.
        n_references: Reference pictures sent along.
        duration_s: Seconds of video; as in ``data/providers/models.yml`` if ``None``.
        today: Day of the call; a price that has run out is not used.
    """
    if provider == "simulated":
        return Cost(amount_usd=0.0, source=provider)
    if duration_s is None and modality == "video":
        duration_s = _duration_s(provider, model_name)
    bounds = [
        (amount, row.origin)
        for row in _rows(provider, model_name, today)
        if row.size is None or size is None or row.size == size
        if (amount := row.most_usd(modality, n_references=n_references, duration_s=duration_s)) is not None
    ]
    if not bounds:
        return None
    amount, origin = max(bounds)
    return Cost(amount_usd=amount, source=f"worst case, {origin}")


@cache
def price_table() -> tuple[Price, ...]:
    """Return the rows of ``data/providers/prices.yml``."""
    path = data_path("providers", "prices.yml")
    try:
        return tuple(Price.model_validate(row) for row in read_yaml_mapping(path)["prices"])
    except (KeyError, TypeError, ValidationError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from None


def _rows(provider: str, model_name: str, today: date | None) -> Iterator[Price]:
    """Yield the rows for a model that have not run out."""
    day = today or date.today()  # noqa: DTZ011 - a day, not a time
    for row in price_table():
        if row.provider == provider and fnmatchcase(model_name, row.model) and (row.until is None or day <= row.until):
            yield row


def _duration_s(provider: str, model_name: str) -> float | None:
    """Return the seconds that a video of this model has; ``None`` if the table of models does not say."""
    kinds: dict[str, type[GeminiVideoModel] | type[RunwayModel]] = {"gemini": GeminiVideoModel, "runway": RunwayModel}
    if provider not in kinds:
        return None
    try:
        return model_row(provider, model_name, kinds[provider]).duration_s
    except InvalidRequestError:
        return None


def _each(per_million: float | None) -> float | None:
    return None if per_million is None else per_million / 1_000_000
