"""The colours of the charts, per theme; the same values as the theme block and the stylesheet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import streamlit as st


@dataclass(frozen=True, slots=True)
class Tokens:
    """Colours of one theme. ``series`` has exactly ten: fewer, and Plotly falls back to its own."""

    ink: str
    muted: str
    line: str
    strong: str
    surface: str
    dot: str
    accept: str
    retry: str
    reject: str
    shade: str
    series: tuple[str, ...]
    sequential: tuple[str, ...]


LIGHT = Tokens(
    ink="#1B1B1F",
    muted="#5F5F68",
    line="#E3E3E7",
    strong="#8A8A94",
    surface="#FFFFFF",
    dot="#A9A9B2",
    accept="#0F4FB0",
    retry="#9C5906",
    reject="#861539",
    shade="rgba(27,27,31,.045)",
    series=(
        "#123EB2",
        "#B6770B",
        "#8F0D35",
        "#3792B5",
        "#A670F3",
        "#746208",
        "#E26278",
        "#6C60B5",
        "#9D546C",
        "#5F3B74",
    ),
    sequential=(
        "#F2F5FA",
        "#DCE6F5",
        "#C2D4EE",
        "#A5C0E6",
        "#86A9DC",
        "#6591D1",
        "#4679C4",
        "#2A62B7",
        "#0F4FB0",
        "#0A3A85",
    ),
)
DARK = Tokens(
    ink="#ECECEF",
    muted="#A6A6B0",
    line="#2D2D32",
    strong="#75757F",
    surface="#121214",
    dot="#6E6E78",
    accept="#4C9FF5",
    retry="#E2A520",
    reject="#E0708A",
    shade="rgba(236,236,239,.05)",
    series=(
        "#459EC2",
        "#B78A16",
        "#E26278",
        "#1DC5AE",
        "#9079FE",
        "#CAB76A",
        "#F2BBF6",
        "#F188FB",
        "#9AE5B6",
        "#C2E233",
    ),
    sequential=(
        "#19222E",
        "#1B2C40",
        "#1F3956",
        "#23476D",
        "#285785",
        "#2A5F93",
        "#2C67A1",
        "#2E6FAF",
        "#3077BC",
        "#327FC9",
    ),
)


def tokens() -> Tokens:
    """Return the colours of the theme the viewer sees."""
    kind: Literal["light", "dark"] | None = st.context.theme.type
    return DARK if kind == "dark" else LIGHT


def faint(colour: str, share: float) -> str:
    """Return a hexadecimal colour as a transparent one."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{share})"
