"""How numbers and moments are written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalab_core.views import numbers

NOW = datetime(2026, 11, 22, 9, 41, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def plain(text: str) -> str:
    return text.replace(numbers.NBSP, " ").replace("\u202f", " ")


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        (datetime(2026, 11, 22, 8, 36, tzinfo=UTC), "09:36"),
        (datetime(2026, 11, 16, 0, 11, tzinfo=UTC), "16 Nov, 01:11"),
        (datetime(2025, 11, 16, 0, 11, tzinfo=UTC), "16 Nov 2025, 01:11"),
        (datetime(2026, 11, 21, 23, 30, tzinfo=UTC), "00:30"),
    ],
)
def test_a_moment_is_in_the_viewers_zone(moment: datetime, shown: str) -> None:
    assert numbers.when(moment, now=NOW, zone=BERLIN) == shown


@pytest.mark.parametrize(
    ("gone", "shown"),
    [
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=12), "12 min ago"),
        (timedelta(hours=23, minutes=59), "23 h ago"),
        (timedelta(days=6), "16 Nov"),
    ],
)
def test_how_long_ago(gone: timedelta, shown: str) -> None:
    assert plain(numbers.ago(NOW - gone, now=NOW, zone=UTC)) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(None, "not measured"), (0.09, "0.09 s"), (21.84, "21.8 s"), (100, "about 2 min"), (7300, "about 2 h")],
)
def test_duration_in_the_unit_a_person_would_use(seconds: float | None, shown: str) -> None:
    assert plain(numbers.duration(seconds)) == shown


def test_an_unknown_price_never_looks_free() -> None:
    assert numbers.money(None) == "price unknown"
    assert numbers.total_usd([0.04, None]) is None
    assert numbers.total_usd([]) == 0
    assert numbers.money(0.0842, digits=3) == "$0.084"


def test_a_share_names_its_base() -> None:
    assert plain(numbers.share(232, 260)) == "89 % of 260"
    assert numbers.percent(0, 0) == "not measured"


@given(st.floats(0.01, 5))
def test_a_deviation_has_a_true_minus_and_never_a_hyphen(ratio: float) -> None:
    shown = numbers.deviation(ratio)
    assert "-" not in shown
    assert shown.startswith(numbers.MINUS) == (round(100 * (ratio - 1)) < 0)


def test_names_in_a_sentence() -> None:
    assert numbers.listing([]) == ""
    assert numbers.listing(["jaw"]) == "jaw"
    assert numbers.listing(["jaw", "nose"]) == "jaw and nose"
    assert [numbers.ordinal(n) for n in (1, 3, 12)] == ["first", "third", "12th"]


def test_a_score_near_a_limit_shows_its_side() -> None:
    assert numbers.score_beside(0.5491, 0.55, 0.35) == "0.549"
    assert numbers.score_beside(0.54996, 0.55) == "0.54996"
    assert numbers.score_beside(0.55, 0.55) == "0.55"
    assert numbers.score_beside(0.4712, None) == "0.47"
