"""How often the check for repeated ideas errs, by threshold: reworded copies missed, different ideas refused.

    python -m benchmarks.idea_novelty

The labelled set is small and the project's own: its scenes, two hand-written copies of each (``idea_pairs.yml``), and
all pairs of different scenes for one persona and place. A threshold is picked on one half of the scenes, by the rule
below, and both error rates are printed for the other half. No idea of a real model is in it.

Rule: half way between the most alike different scenes and the least alike near copies of the first half. Far copies
have no part in it: hardly a word of theirs is in the original, and no threshold on words finds them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from personalab_core.config.resources import data_path
from personalab_core.generation.novelty import NEAR_DUPLICATE, idea_similarity
from personalab_core.schemas import PlannedIdea

PAIRS = Path(__file__).with_name("idea_pairs.yml")
FILLINGS = (("everyday life", "Lima"), ("street photography", "Zürich"), ("pottery", "Gothenburg"))
"""Pillar and place of three personas: a long, a longer and a short one, as they stand in every idea."""
THRESHOLDS = tuple(round(0.40 + 0.05 * n, 2) for n in range(9))


@dataclass(frozen=True, slots=True)
class Scene:
    """One idea and its copies, filled in for one persona."""

    idea: PlannedIdea
    near: PlannedIdea
    far: PlannedIdea


@dataclass(frozen=True, slots=True)
class Similarities:
    """What the check measures on the labelled pairs."""

    near: tuple[float, ...]
    far: tuple[float, ...]
    different: tuple[float, ...]

    def errors(self, threshold: float) -> tuple[float, float, float]:
        """Return the shares of near copies missed, far copies missed and different ideas refused."""
        return (
            share(value < threshold for value in self.near),
            share(value < threshold for value in self.far),
            share(value >= threshold for value in self.different),
        )


def share(found: Iterable[bool]) -> float:
    values = list(found)
    return sum(values) / len(values)


def scenes() -> list[list[Scene]]:
    """Return the labelled scenes, one list for each persona and source: only scenes of one list are compared."""
    copies = yaml.safe_load(PAIRS.read_text(encoding="utf-8"))
    simulated = yaml.safe_load(data_path("simulation", "phrases.yml").read_text(encoding="utf-8"))["scenes"]
    configured = yaml.safe_load(data_path("prompts", "scenarios.yml").read_text(encoding="utf-8"))
    originals = {
        "simulated": {name: _beginning_with(simulated, name) for name in copies["simulated"]},
        "configured": {name: configured["image_scenarios"]["scenarios"][name] for name in copies["configured"]},
    }
    return [
        [_scene(original, copies[source][name], pillar, place) for name, original in found.items()]
        for source, found in originals.items()
        for pillar, place in FILLINGS
    ]


def _beginning_with(found: Sequence[dict[str, Any]], beginning: str) -> dict[str, Any]:
    (scene,) = [scene for scene in found if scene["title"].startswith(beginning)]
    return scene


def _scene(original: dict[str, Any], copies: dict[str, list[str]], pillar: str, place: str) -> Scene:
    def filled(title: str, action: str, where: str) -> PlannedIdea:
        texts = [text.format(pillar=pillar, place=place) for text in (title, action, where)]
        details = {"action_details": texts[1], "location_details": texts[2]}
        return PlannedIdea(title=texts[0], scenario_details=details)

    plain = filled(original["title"], original["action_details"], original["location_details"])
    return Scene(plain, filled(*copies["near"]), filled(*copies["far"]))


def halves() -> tuple[Similarities, Similarities]:
    """Return what is measured on every second scene, and on the others."""
    groups = scenes()
    return _measured([group[0::2] for group in groups]), _measured([group[1::2] for group in groups])


def _measured(groups: list[list[Scene]]) -> Similarities:
    every = [scene for group in groups for scene in group]
    pairs = [pair for group in groups for pair in itertools.combinations(group, 2)]
    return Similarities(
        tuple(idea_similarity(scene.idea, scene.near) for scene in every),
        tuple(idea_similarity(scene.idea, scene.far) for scene in every),
        tuple(idea_similarity(one.idea, other.idea) for one, other in pairs),
    )


def picked(measured: Similarities) -> float:
    """Return the threshold that the rule picks."""
    return (max(measured.different) + min(measured.near)) / 2


def main() -> int:
    first, second = halves()
    print(f"{len(second.near)} near and {len(second.far)} far copies, {len(second.different)} pairs of different ideas")
    print("threshold   near copies missed   far copies missed   different ideas refused   (second half of the scenes)")
    for threshold in THRESHOLDS:
        near, far, refused = second.errors(threshold)
        print(f"{threshold:9.2f}   {near:18.0%}   {far:17.0%}   {refused:23.1%}")
    print(f"first half: different ideas up to {max(first.different):.2f}, near copies from {min(first.near):.2f}")
    print(f"picked on the first half: {picked(first):.2f}; in use: {NEAR_DUPLICATE:.2f}")
    near_missed, _, refused = second.errors(NEAR_DUPLICATE)
    return 0 if (near_missed, refused) == (0, 0) else 1


if __name__ == "__main__":
    raise SystemExit(main())
