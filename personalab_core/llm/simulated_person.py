"""Who a prompt asks for when no picture says so: the part of it that describes a person, made into one."""

from __future__ import annotations

import re

from personalab_core.llm.simulated_faults import stable_seed
from personalab_core.simulation import (
    SimulatedIdentity,
    Style,
    identity_from_description,
    perturb,
    style_from_description,
)

SIBLING_GEOMETRY_EPS = 0.12
"""RMS step between candidates of one description: brothers and sisters (.05 is invisible, .5 another person)."""

SIBLING_APPEARANCE_EPS = 0.05

_DESCRIBES = re.compile(r"\b(?:hair|eyes|skin|complexion|woman|man|female|male|person|year[s-])", re.I)
_LOOKS = re.compile(r"\b(?:hair|eyes|skin|complexion|year[s-])", re.I)
_IN_BRACKETS = re.compile(r"\([^)]*\)")


def subject_of(text: str) -> str:
    """Return what a prompt says of the person: its first line about one, without the label before a colon, if any."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    line = next((line for line in lines if _DESCRIBES.search(line)), " ".join(lines))
    label, colon, rest = line.partition(":")
    # Not every colon ends a label: "a man with red hair; distinctive features: a scar".
    is_labelled = colon and not _LOOKS.search(label)
    return " ".join((rest if is_labelled else line).split()).rstrip(".")


def person_from_text(text: str) -> tuple[SimulatedIdentity, Style]:
    """Return the one person a description stands for; what it leaves open follows from its very words."""
    subject = subject_of(text)
    # Details in brackets belong to the word before them: commas must not part them from it.
    description = {"appearance": _IN_BRACKETS.sub(lambda match: re.sub(r"[,;()]", " ", match[0]), subject)}
    seed = stable_seed("person", subject.lower())
    identity = identity_from_description(description, seed)
    return identity, style_from_description(description, identity, seed)


def sibling(identity: SimulatedIdentity, seed: int) -> SimulatedIdentity:
    """Return another take on the same description, as alike as brothers or sisters."""
    return perturb(identity, geometry_eps=SIBLING_GEOMETRY_EPS, appearance_eps=SIBLING_APPEARANCE_EPS, seed=seed)
