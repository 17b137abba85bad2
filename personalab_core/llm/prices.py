"""What a call cost, from a dated table, where the provider's answer does not say. Unknown is ``None``, never 0."""

from __future__ import annotations

from datetime import date
from fnmatch import fnmatchcase
from functools import cache

from pydantic import BaseModel, ConfigDict, ValidationError

from personalab_core.config import data_path, read_yaml_mapping
from personalab_core.errors import ConfigError
from personalab_core.llm.client import Usage
from personalab_core.schemas import Cost


class Price(BaseModel):
    """One row of the table; what it does not name, it does not price.

    Attributes:
        provider: Provider's name.
        model: Model name, or a pattern with ``*``.
        size: Only for this picture size or video resolution.
        per_image: US dollars for one picture.
        per_second: US dollars for one second of video.
        per_million_input_tokens: US dollars.
        per_million_output_tokens: US dollars.
        per_credit: US dollars for one of the provider's own credits.
        read: Day on which the source was read.
        until: Last day on which the price holds, where the source says so.
        source: Address of the vendor's page.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    provider: str
    model: str
    size: str | None = None
    per_image: float | None = None
    per_second: float | None = None
    per_million_input_tokens: float | None = None
    per_million_output_tokens: float | None = None
    per_credit: float | None = None
    read: date
    until: date | None = None
    source: str

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
    for row in price_table():
        if row.provider != provider or not fnmatchcase(model_name, row.model) or row.size not in (None, size):
            continue
        if row.until is not None and (today or date.today()) > row.until:  # noqa: DTZ011 - a day, not a time
            continue
        amount = row.amount_usd(usage, credits_spent)
        return Cost() if amount is None else Cost(amount_usd=amount, source=f"price table, {row.read.isoformat()}")
    return Cost()


@cache
def price_table() -> tuple[Price, ...]:
    """Return the rows of ``data/providers/prices.yml``."""
    path = data_path("providers", "prices.yml")
    try:
        return tuple(Price.model_validate(row) for row in read_yaml_mapping(path)["prices"])
    except (KeyError, TypeError, ValidationError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from None


def _each(per_million: float | None) -> float | None:
    return None if per_million is None else per_million / 1_000_000
