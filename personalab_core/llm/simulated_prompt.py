"""Read a picture request the way an image model does: framing, view, expression, light and place from plain words.

Only words are read, no structure: any prompt works, and one that says nothing gives
an ordinary portrait. Instructions about what to avoid are not taken for wishes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from personalab_core.llm.simulated_outfit import OutfitWish, read_outfit
from personalab_core.prompts import PatchCatalogue
from personalab_core.schemas import Framing, Reason
from personalab_core.simulation.scene import BackgroundName


@dataclass(frozen=True, slots=True)
class View:
    """How the head is turned: mean and spread of the yaw in degrees; to either side if ``two_sided``."""

    yaw_deg: float
    spread_deg: float
    two_sided: bool = False


@dataclass(frozen=True, slots=True)
class Expression:
    """Smile in [-.4, 1], mouth opening in [0, 1], brow raise in [-1, 1]."""

    smile: float
    mouth_open: float = 0.0
    brow_raise: float = 0.0


@dataclass(frozen=True, slots=True)
class Light:
    """Key, fill, warmth and exposure as the renderer's scene has them."""

    key: float = 1.0
    fill: float = 0.5
    warmth: float = 0.12
    exposure: float = 1.0


@dataclass(frozen=True, slots=True)
class ShotRequest:
    """What a prompt asks for; ``None`` where it leaves the choice to the model."""

    framing: Framing | None
    view: View | None
    expression: Expression | None
    light: Light | None
    background: BackgroundName | None
    outfit: OutfitWish | None
    silhouette: bool
    companions: bool


_FRAMINGS: Mapping[Framing, str] = {
    "full_body": r"full[\s_-]?body|full[\s-]length (?:shot|portrait|photo|picture)|head[\s-]to[\s-]toe|wide shot",
    "half_body": r"half[\s_-]?body|waist[\s-]up|upper[\s-]body|medium shot|from the waist|three[\s-]quarter length",
    "headshot": r"head[\s-]?shot|close[\s-]?up|head[\s-]and[\s-]shoulders|tight portrait|face fills|selfie",
}
_VIEWS: Sequence[tuple[str, View]] = (
    (
        r"(?:seen|shown|shot|taken|viewed) from behind|back (?:view|of (?:the|her|his) head)|facing away|turned away",
        View(165.0, 8.0, two_sided=True),
    ),
    (r"three[\s-]quarter(?! length)|3/4", View(30.0, 4.0, two_sided=True)),
    (r"(?:in|side) profile|profile (?:view|shot)|side view", View(55.0, 5.0, two_sided=True)),
    (
        r"looking (?:away|aside|to the side|over (?:her|his|their|the) shoulder)",
        View(22.0, 5.0, two_sided=True),
    ),
    (r"frontal|fac(?:ing|es) (?:the )?camera|front[\s-]facing|look\w* (?:at|into) the (?:camera|lens)", View(0.0, 4.0)),
)
_EXPRESSIONS: Sequence[tuple[str, Expression]] = (
    (r"laugh(?! lines)\w*|big smile|broad smile|wide smile|beaming|grin(?:s|ning)?", Expression(0.9, mouth_open=0.3)),
    (r"(?:soft|gentle|slight|subtle|faint|closed[\s-]mouth|half)[\s-]smil\w*", Expression(0.4)),
    (r"smil\w+|cheerful|happy|joyful|friendly", Expression(0.62)),
    (r"surpris\w+|astonish\w+|amazed", Expression(0.2, mouth_open=0.45, brow_raise=0.8)),
    (r"pensive|thoughtful|contemplat\w+|concentrat\w+", Expression(-0.02, brow_raise=-0.2)),
    (r"neutral|serious|relaxed|calm|composed|serene", Expression(0.05)),
)
_LIGHTS: Sequence[tuple[str, Light]] = (
    (r"golden hour|sunset|sunrise", Light(key=1.08, fill=0.45, warmth=0.4)),
    (r"candle\w*|lamp\w*|tungsten|warm (?:interior |indoor |ambient )?light\w*", Light(fill=0.42, warmth=0.36)),
    (r"neon|night\w*|dim(?:ly)?|low[\s-]key", Light(key=1.05, fill=0.32, warmth=0.0, exposure=0.92)),
    (r"dramatic|hard light|high contrast|harsh", Light(key=1.16, fill=0.32, warmth=0.08)),
    (r"overcast|cloudy|cool light|fluorescent", Light(key=0.88, fill=0.62, warmth=-0.12)),
    (r"natural (?:day)?light|daylight|window light|soft (?:\w+ )?light\w*|diffuse\w*", Light(key=0.92, fill=0.62)),
    (r"bright|sunny|sunlit|midday", Light(key=1.1, fill=0.5, exposure=1.06)),
)
_BACKGROUNDS: Mapping[BackgroundName, str] = {
    "studio": r"studio|plain background|seamless|grey background|gray background|white background",
    "cafe": r"caf[eé]|coffee|restaurant|bistro|bakery|bar counter|dining",
    "office": r"office|desk|cowork\w*|laptop|meeting room|library",
    "gym": r"gym|workout|fitness|yoga|weights room",
    "beach": r"beach|sea(?:side|front)?|ocean|coast\w*|shore|pier|boardwalk",
    "golden_hour": r"golden hour|sunset|sunrise|dusk",
    "night": r"at night|night[\s-]?(?:time|life|club|market|street)|neon|evening city",
    "street": r"streets?|city|urban|market|plaza|(?:town|main) square|alley|downtown|crosswalk|rooftop",
    "nature": r"park|forest|mountain\w*|garden|trail|(?<!depth of )fields?|lake|nature|outdoors|countryside|vineyard",
    "interior": r"home|kitchen|living room|bedroom|sofa|interior|indoors|window light|workshop|atelier|gallery|museum",
}
_SILHOUETTE = r"silhouette|back[\s-]?lit outline"
_COMPANIONS = (
    r"two people|couple of friends"
    r"|with (?:a|an|her|his|their|some|two) (?:\w+ )?(?:friends?|partner|colleagues?|sister|brother)"
)
_AVOIDED = re.compile(
    r"(?:^|(?<=[.;!\n]))\s*(?:avoid|negative(?: prompt)?|do not|don't|never|no|without)\b[^.;!\n]*", re.I
)


def read_shot(text: str) -> ShotRequest:
    """Return what a prompt asks of the picture; the earliest mention of a place wins."""
    wishes = _AVOIDED.sub(" ", text)
    return ShotRequest(
        framing=next((name for name, words in _FRAMINGS.items() if _says(words, wishes)), None),
        view=next((view for words, view in _VIEWS if _says(words, wishes)), None),
        expression=next((value for words, value in _EXPRESSIONS if _says(words, wishes)), None),
        light=next((light for words, light in _LIGHTS if _says(words, wishes)), None),
        background=_background(wishes),
        outfit=read_outfit(wishes),
        silhouette=_says(_SILHOUETTE, wishes),
        companions=_says(_COMPANIONS, wishes),
    )


def _says(words: str, text: str) -> bool:
    return re.search(rf"\b(?:{words})\b", text, re.I) is not None


def _background(text: str) -> BackgroundName | None:
    found: list[tuple[int, BackgroundName]] = []
    for name, words in _BACKGROUNDS.items():
        match = re.search(rf"\b(?:{words})\b", text, re.I)
        if match:
            found.append((match.start(), name))
    return min(found)[1] if found else None


@dataclass(frozen=True, slots=True)
class PatchedText:
    """A prompt taken apart: the request itself, and the level of each retry patch found in it."""

    request: str
    levels: Mapping[Reason, int]

    def level(self, *reasons: Reason) -> int:
        """Return the highest level of the patches for any of these reasons; 0 if there is none."""
        return max(self.levels.get(reason, 0) for reason in reasons)


def split_patches(text: str, catalogue: PatchCatalogue) -> PatchedText:
    """Find the catalogue's patches in a prompt and take them out of it."""
    request = " ".join(text.split())
    levels: dict[Reason, int] = {}
    for patch in catalogue.found_in(request):
        levels[patch.reason] = max(levels.get(patch.reason, 0), patch.level)
        request = request.replace(patch.text, " ")
    return PatchedText(request=" ".join(request.split()), levels=levels)
