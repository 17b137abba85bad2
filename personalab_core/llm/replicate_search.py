"""Finds a prediction whose id never arrived, in Replicate's list of an account's predictions.

The list names what each prediction was made from (``input``), newest first, a hundred a page
(https://replicate.com/docs/reference/http#predictions.list). Prompt, seed and settings together tell
requests apart; pictures count only where the list shows them as they were sent.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from replicate.pagination import Page
from replicate.prediction import Prediction

CLOCK_SKEW = timedelta(minutes=5)
"""How far this machine's clock may be ahead of Replicate's; not calibrated."""

MAX_PAGES = 20
"""With more than two thousand predictions since the request, it cannot be told."""


class PredictionSearch:
    """Looks through the list, page by page, for what one request has started.

    Args:
        request: What was sent: ``input``, and ``model`` or ``version``.
        since: When.
        others: Predictions of other requests.
    """

    def __init__(self, request: Mapping[str, Any], since: datetime, others: Collection[str]) -> None:
        self._path: str | None = "/v1/predictions"
        self._request = request
        self._since = since - CLOCK_SKEW
        self._others = others
        self._fitting: set[str] = set()
        self._pages_left = MAX_PAGES

    def take(self, page: Page[Prediction]) -> None:
        """Look through one page."""
        self._fitting |= {prediction.id for prediction in page.results if self._fits(prediction)}
        self._pages_left -= 1
        self._path = _path_of(page.next) if page.next and all(map(self._is_recent, page.results)) else None

    @property
    def next_path(self) -> str | None:
        """The page to look at, on the server that is asked (the token goes nowhere else).

        ``None`` if there is no further one, or too many.
        """
        return self._path if self._pages_left else None

    @property
    def found(self) -> str | None:
        """The id of the only one that fits; ``None`` if none or several do, or not all could be looked at."""
        return next(iter(self._fitting)) if self._path is None and len(self._fitting) == 1 else None

    def _fits(self, prediction: Prediction) -> bool:
        target = self._request.get("version") or self._request.get("model")
        listed = prediction.input or {}
        return (
            prediction.id not in self._others
            and target in (prediction.version, prediction.model)
            and self._is_recent(prediction)
            and all(_same(value, listed.get(name)) for name, value in self._request["input"].items())
        )

    def _is_recent(self, prediction: Prediction) -> bool:
        made = prediction.created_at
        return made is not None and datetime.fromisoformat(made) >= self._since


def _path_of(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}"


def _same(sent: object, listed: object) -> bool:
    if isinstance(sent, list) and isinstance(listed, list):
        return len(sent) == len(listed) and all(map(_same, sent, listed))
    if isinstance(sent, str) and sent.startswith("data:"):
        shown = isinstance(listed, str) and listed.startswith("data:")
        return listed == sent if shown else listed is not None  # it may be shown as an address instead
    return sent == listed
