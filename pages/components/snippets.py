"""Small pieces of HTML in the product's own classes. Every value from outside is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

import streamlit as st

from personalab_core.views import numbers, words
from personalab_core.views.attempt import ScoreBar
from personalab_core.views.cuts import FaceCut
from personalab_core.views.faces import CompareSide
from personalab_core.views.pictures import Picture
from personalab_core.views.runs import RunRow

_DIFF = {"=": "{}", "+": "<ins>{}</ins>", "-": "<del>{}</del>"}


def decision(mark: words.Mark) -> str:
    """Return a mark: icon, word and colour, always all three."""
    return f'<span class="pl-d pl-{mark.kind}">{escape(mark.word)}</span>'


def tag(text: str, why: str = "") -> str:
    """Return a small tag with an explanation on hover."""
    return f'<span class="pl-tag" title="{escape(why)}">{escape(text)}</span>'


def block(*parts: str) -> None:
    """Show pieces of HTML, which must be made by this module."""
    st.html(f'<div class="pl">{"".join(parts)}</div>')


def head(
    page: str,
    answer: str,
    detail: str,
    *,
    simulated: bool | str,
    picture: Picture | None = None,
    mark: words.Mark | None = None,
) -> None:
    """Show the top of a page: where am I, what is the answer, why.

    Args:
        page: Its name, with whom it is about.
        answer: The answer to its question.
        detail: Why.
        simulated: Whether what it shows is simulated; in words where that is so of a part only.
        picture: Of whom it is about.
        mark: Their state.
    """
    image = f'<img src="{escape(picture.thumbnail)}" alt="{escape(picture.alt)}">' if picture else ""
    tags = _simulated(words.SIMULATED if simulated is True else simulated) if simulated else ""
    state = decision(mark) if mark else ""
    block(
        f'<header class="pl-head">{image}<div><div class="pl-eyebrow"><span>{escape(page)}</span>{tags}{state}</div>',
        f'<h1>{escape(answer)}</h1><p class="pl-sub">{escape(detail)}</p></div></header>',
    )


def _simulated(word: str) -> str:
    return tag(word, words.SIMULATED_WHY if word == words.SIMULATED else words.PARTLY_SIMULATED_WHY)


def section(title: str, lead: str = "", *, below: bool = False) -> None:
    """Show a heading that says what the part shows; ``below`` where something stands above it in the column."""
    space = ' class="pl-below"' if below else ""
    block(f"<div{space}><h2>{escape(title)}</h2>", f'<p class="pl-lead">{escape(lead)}</p>' if lead else "", "</div>")


def lead(text: str) -> str:
    """Return a muted line of explanation."""
    return f'<p class="pl-lead">{escape(text)}</p>'


def small(text: str) -> None:
    """Show a muted line that belongs to nothing above it."""
    st.html(f'<div class="pl pl-small pl-muted">{escape(text)}</div>')


def field_problem(text: str) -> None:
    """Say below a field what is wrong with what it holds."""
    st.html(f'<div class="pl pl-small" role="alert">{decision(words.Mark("watch", text))}</div>')


def marked(title: str, text: str, part: str) -> str:
    """Return a named text in which one part stands out."""
    shown = escape(text).replace(escape(part), f"<b>{escape(part)}</b>") if part else escape(text)
    return f'<div class="pl-below pl-strong">{escape(title)}</div><p class="pl-prompt">{shown}</p>'


def run_lines(run: RunRow) -> str:
    """Return a run's name and the sentence about where it stands."""
    return f'<div class="pl-strong">{escape(run.title)}</div>{lead(run.line)}'


def note(strong: str, text: str) -> str:
    """Return a remark with a line at its left."""
    return f'<p class="pl-note"><b>{escape(strong)}</b> {escape(text)}</p>'


def facts(rows: Iterable[tuple[str, str]], *, mark: words.Mark | None = None) -> str:
    """Return a list of labels and values; a decision stands first if there is one."""
    first = f"<dt>Decision</dt><dd>{decision(mark)}</dd>" if mark else ""
    listed = "".join(f"<dt>{escape(label)}</dt><dd>{escape(value)}</dd>" for label, value in rows)
    return f'<dl class="pl-facts">{first}{listed}</dl>'


def explained(rows: Iterable[tuple[str, str | words.Mark, str]]) -> str:
    """Return labels and values, some with a mark, each with what it means under it."""

    def row(label: str, value: str | words.Mark, means: str) -> str:
        shown = decision(value) if isinstance(value, words.Mark) else escape(value)
        under = f'<dd class="pl-means">{escape(means)}</dd>' if means else ""
        return f"<dt>{escape(label)}</dt><dd>{shown}</dd>{under}"

    return f'<dl class="pl-facts pl-explained">{"".join(row(*each) for each in rows)}</dl>'


def table(columns: Sequence[str], rows: Iterable[Sequence[str | words.Mark]]) -> str:
    """Return a small table; a mark is written with its icon."""

    def cell(value: str | words.Mark) -> str:
        return decision(value) if isinstance(value, words.Mark) else escape(value)

    head_ = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns)
    body = "".join("<tr>" + "".join(f"<td>{cell(value)}</td>" for value in row) + "</tr>" for row in rows)
    whole = f'<table class="pl-table"><thead><tr>{head_}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="pl-wide">{whole}</div>'


def named(name: str, text: str) -> str:
    """Return a name with a line of explanation under it."""
    return f'<div class="pl-strong pl-below">{escape(name)}</div>{lead(text)}'


def score(bar: ScoreBar) -> str:
    """Return one score: number, track, thresholds as ticks, the usual range outlined."""

    def at(value: float) -> str:
        return f"{min(max(value / bar.top, 0), 1):.1%}"

    usual = ""
    if bar.usual:
        low, high = bar.usual
        usual = f'<s style="left:{at(low)};width:{min((high - low) / bar.top, 1):.1%}"></s>'
    ticks = "".join(f'<u style="left:{at(tick)}"></u>' for tick in bar.ticks)
    value = numbers.score_beside(bar.value, *bar.ticks)
    return (
        f'<div class="pl-score"><div><span>{escape(bar.label)}</span><b>{value}</b></div>'
        f'<div class="pl-track" style="--c: var(--pl-{escape(bar.kind)})"><i style="width:{at(bar.value)}"></i>'
        f'{usual}{ticks}</div><div class="pl-small pl-muted">{escape(bar.rule)}</div></div>'
    )


def scores(bars: Sequence[ScoreBar]) -> str:
    """Return the scores of one attempt under each other."""
    return f'<div class="pl-scores">{"".join(score(bar) for bar in bars)}</div>'


def diff(parts: Iterable[tuple[str, str]]) -> str:
    """Return a text with what is new underlined and what is gone struck out."""
    return '<p class="pl-diff">' + "".join(_DIFF[kind].format(escape(text)) for kind, text in parts) + "</p>"


def links(pages: Iterable[tuple[str, str]]) -> str:
    """Return named web pages as a list; whatever is no web address stays plain text."""

    def line(name: str, url: str) -> str:
        if not url.startswith(("https://", "http://")):
            return f"<li>{escape(name)}</li>"
        return f'<li><a href="{escape(url)}" target="_blank" rel="noopener noreferrer">{escape(name)}</a></li>'

    return f'<ul class="pl-links">{"".join(line(name, url) for name, url in pages)}</ul>'


def face(cut: FaceCut) -> str:
    """Return a face cut to the common size by the browser, from the untouched picture."""
    style = ""
    if cut.width_percent is not None:
        style = f"width:{cut.width_percent:.2f}%;left:{cut.left_percent:.2f}%;top:{cut.top_percent:.2f}%"
    kind = "pl-cut" if style else "pl-cut pl-whole"
    image = f'<img src="{escape(cut.picture.src)}" alt="{escape(cut.picture.alt)}, face" style="{style}">'
    caption = f'<figcaption class="pl-small">{escape(cut.caption)}</figcaption>'
    return f'<figure><div class="{kind}">{image}</div>{caption}</figure>'


def faces(cuts: Iterable[FaceCut | None]) -> str:
    """Return faces side by side."""
    return f'<div class="pl-pair">{"".join(face(cut) for cut in cuts if cut)}</div>'


def portrait(picture: Picture, caption: str) -> str:
    """Return one picture with a line under it."""
    image = f'<img class="pl-portrait" src="{escape(picture.thumbnail)}" alt="{escape(picture.alt)}">'
    return f"<figure>{image}{lead(caption)}</figure>"


def kinds(sides: Iterable[CompareSide]) -> str:
    """Return small named pictures in a row."""
    figures = "".join(
        f'<figure><img src="{escape(side.picture.thumbnail)}" alt="{escape(side.picture.alt)}">'
        f"<figcaption>{escape(side.caption)}</figcaption></figure>"
        for side in sides
        if side.picture
    )
    return f'<div class="pl-kinds">{figures}</div>'


def beside(picture: Picture, right: str) -> str:
    """Return a small whole picture with facts at its right."""
    image = f'<img src="{escape(picture.thumbnail)}" alt="{escape(picture.alt)}, whole picture">'
    return f'<div class="pl-beside">{image}<div>{right}</div></div>'
