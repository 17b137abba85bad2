"""Where a persona's anchor pictures are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from personalab_core.errors import AnchorMissingError, InputError
from personalab_core.schemas.slugs import check_slug

ANCHORS_LOG = "anchors.jsonl"
"""Name of the log of candidates and choices, in the persona's ``anchors`` folder."""

CANDIDATES_FOLDER = "candidates"

_SUFFIX_OF_KIND: Mapping[str, str] = MappingProxyType(
    {
        "frontal": "frontal_neutral",
        "three_quarter": "three_quarter",
        "smile": "smile",
        "silhouette": "silhouette",
        "natural_light": "natural_light",
    }
)


def anchor_folder(references_root: str | Path, persona: str) -> Path:
    """Return the folder of a persona's anchors.

    Raises:
        InputError: ``persona`` is not a persona id.
    """
    return Path(references_root) / check_slug(persona) / "anchors"


def anchor_path(references_root: str | Path, persona: str, kind: str = "frontal") -> Path:
    """Return where the anchor of this kind is, or will be; it is not checked to exist.

    Raises:
        InputError: ``persona`` is not a persona id, or ``kind`` is none of the five.
    """
    if kind not in _SUFFIX_OF_KIND:
        raise InputError(f"An anchor is one of {', '.join(_SUFFIX_OF_KIND)}; got {kind!r}.")
    return anchor_folder(references_root, persona) / f"{persona}_anchor_{_SUFFIX_OF_KIND[kind]}.png"


def require_anchor(references_root: str | Path, persona: str, kind: str = "frontal") -> Path:
    """Return where the anchor of this kind is.

    Raises:
        AnchorMissingError: There is none yet; the message says how to make one.
        InputError: ``persona`` is not a persona id, or ``kind`` is none of the five.
    """
    path = anchor_path(references_root, persona, kind)
    if not path.is_file():
        raise AnchorMissingError(
            f"{persona} has no {kind.replace('_', ' ')} anchor yet (looked for {path}). Make candidates with "
            f"'personalab anchors generate {persona}', then choose one with 'personalab anchors select {persona}'."
        )
    return path
