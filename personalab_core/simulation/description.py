"""From a persona's written physical description to a simulated person: obeyed where it says something, else seeded.

Free text and nested mappings are both understood: values are read together with the keys above them, so that
`{"hair": {"base_color": "dark brown"}}` and `{"appearance": "woman with dark brown hair"}` mean the same hair.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from personalab_core.simulation.identity import (
    MASCULINE_OFFSETS,
    SimulatedIdentity,
    Style,
    sample_identity,
    sample_style,
)

_AGE_CENTRE, _AGE_SPAN = 44.0, 24.0
"""`age` is (years - 44) / 24: 20 years is -1, 68 years is 1. A convention of this renderer."""

_HAIR_COLOURS: tuple[tuple[str, dict[str, float]], ...] = (
    (r"platinum", {"hair_mel": -1.0, "hair_red": -0.8, "hair_grey": -1.0}),
    (r"strawberry.blond\w*", {"hair_mel": -0.6, "hair_red": 0.75, "hair_grey": -1.0}),
    (r"dark.blond\w*|dirty.blond\w*", {"hair_mel": -0.5, "hair_red": -0.4, "hair_grey": -1.0}),
    (r"blond\w*|golden|honey", {"hair_mel": -0.85, "hair_red": -0.4, "hair_grey": -1.0}),
    (r"auburn|chestnut", {"hair_mel": 0.1, "hair_red": 0.8, "hair_grey": -1.0}),
    (r"red|ginger|copper", {"hair_mel": -0.25, "hair_red": 1.0, "hair_grey": -1.0}),
    (r"salt.and.pepper", {"hair_mel": 0.6, "hair_red": -0.8, "hair_grey": 0.45}),
    (r"gr[ae]y\w*|silver|white", {"hair_mel": 0.0, "hair_red": -0.8, "hair_grey": 0.95}),
    (r"(very )?dark.brown|espresso", {"hair_mel": 0.5, "hair_red": -0.5, "hair_grey": -1.0}),
    (r"light.brown|caramel", {"hair_mel": -0.2, "hair_red": -0.3, "hair_grey": -1.0}),
    (r"brown|brunette|hazelnut", {"hair_mel": 0.2, "hair_red": -0.4, "hair_grey": -1.0}),
    (r"black|raven|jet", {"hair_mel": 1.0, "hair_red": -0.8, "hair_grey": -1.0}),
    (r"dark", {"hair_mel": 0.7, "hair_red": -0.5, "hair_grey": -1.0}),
)
_EYE_COLOURS: tuple[tuple[str, dict[str, float]], ...] = (
    (r"dark.brown|black", {"eye_hue": -0.9, "eye_light": -1.0}),
    (r"blue", {"eye_hue": 1.0, "eye_light": 0.7}),
    (r"gr[ae]y", {"eye_hue": 0.4, "eye_light": 0.6}),
    (r"green", {"eye_hue": -0.3, "eye_light": 0.5}),
    (r"hazel|amber", {"eye_hue": -0.7, "eye_light": 0.15}),
    (r"brown", {"eye_hue": -0.9, "eye_light": -0.6}),
)
_SKIN_TONES: tuple[tuple[str, float], ...] = (
    (r"very (fair|pale|light)|porcelain|ivory", -1.0),
    (r"very dark|deep|ebony", 0.95),
    (r"light.brown|caramel|bronze\w*", 0.25),
    (r"dark.brown|dark", 0.75),
    (r"fair|pale|light|white", -0.75),
    (r"olive|tan\w*|medium|mediterranean", -0.1),
    (r"brown|black", 0.5),
)
_LENGTHS: tuple[tuple[str, float], ...] = (
    (r"bald|shaved|shaven", -1.0),
    (r"buzz\w*|crew.?cut|cropped", -0.82),
    (r"very short|pixie", -0.6),
    (r"very long|waist\w*", 0.95),
    (r"(past|below|beyond|over|longer than) (the |her |his |their )?shoulders?|(mid.?|upper )?back.length", 0.65),
    (r"chin.length", 0.1),
    (r"shoulder\w*|medium|mid.?length|bob", 0.2),
    (r"short", -0.4),
    (r"long", 0.65),
)
_WAVES: tuple[tuple[str, float], ...] = (
    (r"afro|coil\w*|kinky", 1.0),
    (r"curl\w*", 0.75),
    (r"wav\w*", 0.25),
    (r"straight|sleek", -0.8),
)
_FEMININE = r"woman|women|female|girl|lady|feminine|she|her"
_MASCULINE = r"man|men|male|boy|guy|gentleman|masculine|he|his"
_AGE_WORDS: tuple[tuple[str, float], ...] = (
    (r"early twenties|early 20s", 22), (r"mid.twenties|mid.20s", 25), (r"late twenties|late 20s", 28),
    (r"twenties|20s", 25),
    (r"thirties|30s", 35), (r"forties|40s", 45), (r"fifties|50s", 55), (r"sixties|60s", 64), (r"seventies|70s", 72),
    (r"teen\w*", 19), (r"young", 25), (r"middle.aged", 48), (r"senior|elderly|old", 70),
)  # fmt: skip


def _statements(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """(key path, lower-case text) of every leaf."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _statements(inner, f"{path} {str(key).lower()}".strip())
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _statements(inner, path)
    elif value is not None:
        yield path.replace("_", " "), str(value).lower().replace("_", " ").replace("-", " ")


def _about(description: Mapping[str, Any], topic: str) -> str:
    """All text about a topic: leaves under such a key, and in free text the words just before or after it."""
    found: list[str] = []
    for path, text in _statements(description):
        if re.search(rf"\b({topic})", path):
            found.append(f"{path.split()[-1]} {text}")
            continue
        clauses = re.split(r"[,;.]| and (?=\w+ \w+)| with ", text)
        found.extend(clause for clause in clauses if re.search(rf"\b({topic})", clause))
    return " ; ".join(found)


def _says(pattern: str, text: str) -> bool:
    return re.search(rf"\b({pattern})\b", text) is not None


def age_in_years(description: Mapping[str, Any]) -> float | None:
    """The age a description states ("23", "25-30", "mid-twenties"), in years; None when it states none."""
    text = " ; ".join(
        f"{p} {t}"
        for p, t in _statements(description)
        if re.search(r"\bage", p) or re.search(r"year|age|\d0s|ties\b|young|elder|old", t)
    )
    numbers = [float(n) for n in re.findall(r"(?<!\d)(\d{2})(?![\d%]|s\b)", text) if 16 <= float(n) <= 99]
    if numbers:
        return sum(numbers[:2]) / len(numbers[:2])
    return next((years for pattern, years in _AGE_WORDS if _says(pattern, text)), None)


def _masculinity(description: Mapping[str, Any]) -> float | None:
    everything = " ; ".join(f"{path} {text}" for path, text in _statements(description))
    if _says(r"androgynous|non.?binary", everything):
        return 0.0
    if _says(_FEMININE, everything):
        return -0.7
    return 0.7 if _says(_MASCULINE, everything) else None


def identity_from_description(description: Mapping[str, Any], seed: int) -> SimulatedIdentity:
    """A person who looks as described; whatever is not said comes from the seed.

    Args:
        description: A persona's `physical_description`: hair colour, age range, skin tone, eye colour and gender words
            are obeyed, anywhere in it.
        seed: Chooses everything else, the bones above all.
    """
    person = sample_identity(seed)
    wanted: dict[str, float] = {}
    years, masc = age_in_years(description), _masculinity(description)
    if years is not None:
        wanted["age"] = max(-1.0, min(1.2, (years - _AGE_CENTRE) / _AGE_SPAN))
        wanted["hair_grey"] = min(0.9, 1.3 * wanted["age"] - 0.9)
    if masc is not None:
        wanted["masc"] = masc
        wanted.update(_shift_bones(person, masc))
    skin = _about(description, "skin|complexion|ethnicity")
    for pattern, tone in _SKIN_TONES:
        if _says(pattern, skin):
            wanted["skin_tone"] = tone
            break
    if _says(r"freckl\w*", " ; ".join(text for _, text in _statements(description))):
        wanted["freckles"] = 0.9
    for topic, palette in (("hair(?!line)", _HAIR_COLOURS), ("eyes?", _EYE_COLOURS)):
        text = _about(description, topic)
        wanted.update(next((values for pattern, values in palette if _says(pattern, text)), {}))
    return person.with_values(**wanted)


def _shift_bones(person: SimulatedIdentity, masc: float) -> dict[str, float]:
    """Move the sampled bones by the same offsets the sampler would have used for this masculinity."""
    change = masc - person.value("masc")
    return {
        name: max(-1.3, min(1.3, person.value(name) + offset * change)) for name, offset in MASCULINE_OFFSETS.items()
    }


def style_from_description(description: Mapping[str, Any], identity: SimulatedIdentity, seed: int) -> Style:
    """Hair length, wave, fringe and beard as described; whatever is not said comes from the seed."""
    style = sample_style(identity, seed)
    hair, everything = (
        _about(description, "hair(?!line)|bald|buzz"),
        " ; ".join(text for _, text in _statements(description)),
    )
    for pattern, length in _LENGTHS:
        if _says(pattern, hair):
            style = replace(style, length=length)
            break
    for pattern, wave in _WAVES:
        if _says(pattern, hair):
            style = replace(style, wave=wave)
            break
    if _says(r"bangs|fringe", everything):
        style = replace(style, fringe=0.7)
    if _says(r"clean shaven|no beard|beardless", everything):
        return replace(style, stubble=-1.0)
    if _says(r"full beard|beard\w*", everything):
        return replace(style, stubble=1.0)
    return replace(style, stubble=0.45) if _says(r"stubble|moustache|goatee", everything) else style
