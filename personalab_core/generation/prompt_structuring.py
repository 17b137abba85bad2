"""Turns what a person typed into a structured prompt, by rule: no model is asked, nothing is paid.

The text is taken apart at commas and full stops, and each piece goes to the field whose
words it has. Equal texts give equal prompts; a piece that fits nowhere is the action.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from personalab_core.errors import InputError
from personalab_core.schemas import Framing, ImagePrompt, VideoPrompt

_FRAMINGS: Mapping[Framing, str] = {
    "headshot": r"head[\s-]?shot|close[\s-]?up|selfie|head and shoulders",
    "half_body": r"half[\s_-]?body|waist[\s-]up|upper[\s-]body|medium shot",
    "full_body": r"full[\s_-]?body|full[\s-]length|head[\s-]to[\s-]toe|wide shot",
}

# Order matters: the first field whose words a piece has takes it.
_FIELDS: Mapping[str, str] = {
    "negative": r"^(?:no|not|never|avoid|without|don't|do not)\b",
    "outfit_details": r"\b(?:wear\w*|dressed|outfit|jacket|dress|shirt|sweater|coat|suit|jeans|blouse|top|uniform)\b",
    "lighting": r"\b(?:light\w*|lit|(?:sun|back)lit|golden hour|sun(?:set|rise)|daylight|neon|candle\w*|overcast)\b",
    "expression": r"\b(?:smil\w+|laugh\w*|grin\w*|serious|neutral expression|pensive|surprised|frown\w*|expression)\b",
    "camera": r"\b(?:\d+\s?mm|lens|camera|eye level|depth of field|bokeh|polaroid|low angle|high angle|tripod)\b",
    "mood": r"\b(?:mood|vibe|atmosphere|cosy|cozy|calm|moody|cheerful|dreamy|energetic|festive|melancholic)\b",
    "location_details": r"^(?:in|at|on|inside|outside|near|by|beside|under|along)\b",
}
_PLACE = re.compile(r"\s+(?=(?:in|at|inside|outside|near|beside|along) (?:a|an|the|her|his|their|[A-Z]))")
_OTHERS = re.compile(
    r"\b(?:friends?|couple|group|crowd|colleagues?|family|together with|two people|other people)\b", re.I
)
_LENGTH = re.compile(
    r"(?:\b(?:for|lasting|about|of)\s+)*\b(\d{1,3}(?:\.\d)?)[\s-]?(?:s|sec|secs|seconds?)\b(?:\s+long)?", re.I
)
_SEPARATORS = re.compile(r"\s*[,;.\n]+\s*")


def structure_prompt(text: str, *, subject_description: str) -> ImagePrompt:
    """Return the structured prompt of a free request.

    Args:
        text: What a person typed, such as ``"selfie in a cafe, smiling, soft window light"``.
        subject_description: How the persona looks.

    Raises:
        InputError: The text is empty.

    >>> prompt = structure_prompt("selfie in a cafe, smiling, soft window light", subject_description="a woman")
    >>> prompt.framing, prompt.location_details, prompt.expression, prompt.lighting
    ('headshot', 'in a cafe', 'smiling', 'soft window light')
    """
    return ImagePrompt(subject_description=subject_description, **_fields(text))


def structure_video_prompt(text: str, *, subject_description: str) -> VideoPrompt:
    """Return the structured prompt of a free request for a video; a length in seconds is taken as its duration.

    Args:
        text: What a person typed, such as ``"walking along the beach, wind in her hair, 6 seconds"``.
        subject_description: How the persona looks.

    Raises:
        InputError: The text is empty, or says nothing but a length.

    >>> prompt = structure_video_prompt("walking along the beach, 6 seconds", subject_description="a woman")
    >>> prompt.action_details, prompt.location_details, prompt.duration_s
    ('walking', 'along the beach', 6.0)
    """
    length = _LENGTH.search(text)
    scene = _LENGTH.sub("", text)
    duration_s = float(length[1]) if length and float(length[1]) > 0 else None
    return VideoPrompt(subject_description=subject_description, duration_s=duration_s, **_fields(scene))


def _fields(text: str) -> dict[str, Any]:
    pieces = [part for piece in _SEPARATORS.split(text.strip()) if piece for part in _PLACE.split(piece, maxsplit=1)]
    if not pieces:
        raise InputError("The request is empty: say what is to be seen, such as 'reading in a cafe, smiling'.")
    fields: dict[str, list[str]] = {}
    for piece in pieces:
        fields.setdefault(_field_of(piece), []).append(piece)
    return {
        "framing": next(
            (name for name, words in _FRAMINGS.items() if re.search(rf"\b(?:{words})\b", text, re.I)), None
        ),
        "other_people": bool(_OTHERS.search(text)),
        **{name: ", ".join(found) for name, found in fields.items()},
    }


def _field_of(piece: str) -> str:
    return next((name for name, words in _FIELDS.items() if re.search(words, piece, re.I)), "action_details")
