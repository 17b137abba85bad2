"""How numbers, shares, money and moments are written on every page.

A number and its unit are held together by a no-break space; a minus is a minus, not a
hyphen; a share always names its base; what was not measured is a word, never a zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, tzinfo

NBSP = "\u00a0"
MINUS = "\u2212"
NOT_MEASURED = "not measured"


def score(value: float | None) -> str:
    """Return a score, similarity or error with two digits.

    >>> score(0.4712), score(None)
    ('0.47', 'not measured')
    """
    return NOT_MEASURED if value is None else f"{value:.2f}"


def score_beside(value: float, *limits: float | None) -> str:
    """Return a score with as many digits, from two on, as show on which side of the limits it lies.

    >>> score_beside(0.5491, 0.55), score_beside(0.4712, 0.55)
    ('0.549', '0.47')
    """
    known = [limit for limit in limits if limit is not None]
    written = (f"{value:.{digits}f}" for digits in (2, 3, 4))
    clear = (text for text in written if all((float(text) >= limit) == (value >= limit) for limit in known))
    return next(clear, f"{value:.5f}")


def level(value: float) -> str:
    """Return a drift level, or a change of one, with three digits."""
    return f"{value:.3f}"


def share(part: int, whole: int) -> str:
    """Return a share with its base.

    >>> share(232, 260).replace(NBSP, " ")
    '89 % of 260'
    """
    return f"{percent(part, whole)} of {count(whole)}"


def percent(part: int, whole: int) -> str:
    """Return ``part`` of ``whole`` in per cent, without the base; only where the base stands beside it."""
    return f"{round(100 * part / whole)}{NBSP}%" if whole else NOT_MEASURED


def deviation(ratio: float) -> str:
    """Return how far a ratio of two numbers is from 1, signed.

    >>> deviation(1.13).replace(NBSP, " "), deviation(0.97).replace(NBSP, " ")
    ('+13 %', '−3 %')
    """
    off = round(100 * (ratio - 1))
    return f"{'+' if off > 0 else MINUS if off < 0 else ''}{abs(off)}{NBSP}%"


def count(n: int) -> str:
    """Return a count; thousands are set apart by a narrow no-break space."""
    return f"{n:,}".replace(",", "\u202f")


_WORDS = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve")


def spelled(n: int) -> str:
    """Return a small count as a capitalised word, so that a sentence can start with it.

    >>> spelled(2), spelled(40)
    ('Two', '40')
    """
    return _WORDS[n] if 0 <= n < len(_WORDS) else count(n)


def plural(n: int, noun: str, many: str = "") -> str:
    """Return the count with its noun.

    >>> plural(1, "picture").replace(NBSP, " "), plural(3, "picture").replace(NBSP, " ")
    ('1 picture', '3 pictures')
    """
    return f"{count(n)}{NBSP}{noun if n == 1 else many or noun + 's'}"


def ordinal(n: int) -> str:
    """Return ``first`` to ``tenth``, then ``11th``."""
    words = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
    return words[n - 1] if 1 <= n <= len(words) else f"{n}th"


def money(amount_usd: float | None, *, digits: int = 2) -> str:
    """Return dollars; an unknown price says so instead of looking free."""
    return "price unknown" if amount_usd is None else f"${amount_usd:,.{digits}f}"


def total_usd(amounts: Iterable[float | None]) -> float | None:
    """Return the sum of prices, or ``None`` as soon as one of them is unknown."""
    known: list[float] = []
    for amount in amounts:
        if amount is None:
            return None
        known.append(amount)
    return sum(known)


def duration(seconds: float | None) -> str:
    """Return a duration in the unit a person would use.

    >>> duration(0.09).replace(NBSP, " "), duration(125).replace(NBSP, " ")
    ('0.09 s', 'about 2 min')
    """
    if seconds is None:
        return NOT_MEASURED
    if seconds < 1:
        return f"{seconds:.2f}{NBSP}s"
    if seconds < 60:
        return f"{seconds:.1f}{NBSP}s"
    if seconds < 5400:
        return f"about {round(seconds / 60)}{NBSP}min"
    return f"about {round(seconds / 3600)}{NBSP}h"


def when(moment: datetime, *, now: datetime, zone: tzinfo) -> str:
    """Return a moment in the viewer's zone: today ``09:36``, this year ``16 Nov, 01:11``, older with the year."""
    local, today = moment.astimezone(zone), now.astimezone(zone)
    if local.date() == today.date():
        return f"{local:%H:%M}"
    year = "" if local.year == today.year else f" {local.year}"
    return f"{local.day} {local:%b}{year}, {local:%H:%M}"


def day(moment: datetime, *, now: datetime, zone: tzinfo) -> str:
    """Return the day of a moment: ``today``, ``16 Nov``, or with the year when it is another one."""
    local, today = moment.astimezone(zone), now.astimezone(zone)
    if local.date() == today.date():
        return "today"
    return f"{local.day} {local:%b}" + ("" if local.year == today.year else f" {local.year}")


def ago(moment: datetime, *, now: datetime, zone: tzinfo) -> str:
    """Return how long ago a moment is, up to a day; then its day."""
    gone = now - moment
    if gone < timedelta(minutes=1):
        return "just now"
    if gone < timedelta(hours=1):
        return f"{int(gone.total_seconds() // 60)}{NBSP}min ago"
    if gone < timedelta(days=1):
        return f"{int(gone.total_seconds() // 3600)}{NBSP}h ago"
    return day(moment, now=now, zone=zone)


def listing(names: Sequence[str]) -> str:
    """Return names as a sentence lists them.

    >>> listing(["jaw", "nose", "mouth"])
    'jaw, nose and mouth'
    """
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""
