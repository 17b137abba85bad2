"""Simulated persons and the renderer that draws their portraits, with ground truth; lazy, so importing it is cheap."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from personalab_core.simulation.description import (
        identity_from_description,
        style_from_description,
    )
    from personalab_core.simulation.identity import (
        APPEARANCE_NAMES,
        GEOMETRY_NAMES,
        STYLE_NAMES,
        SimulatedIdentity,
        Style,
        identity_from_bytes,
        identity_vector,
        interpolate,
        lookalike,
        perturb,
        sample_identity,
        sample_style,
    )
    from personalab_core.simulation.portrait import PortraitMetadata, encode_png, read_metadata
    from personalab_core.simulation.renderer import RENDERER_VERSION, PortraitRenderer, Rendering, render
    from personalab_core.simulation.scene import BACKGROUND_NAMES, FRAMINGS, Scene, sample_scene
    from personalab_core.simulation.truth import FaceTruth

_HOME = {
    "APPEARANCE_NAMES": "identity",
    "BACKGROUND_NAMES": "scene",
    "FRAMINGS": "scene",
    "FaceTruth": "truth",
    "GEOMETRY_NAMES": "identity",
    "PortraitMetadata": "portrait",
    "PortraitRenderer": "renderer",
    "RENDERER_VERSION": "renderer",
    "Rendering": "renderer",
    "STYLE_NAMES": "identity",
    "Scene": "scene",
    "SimulatedIdentity": "identity",
    "Style": "identity",
    "encode_png": "portrait",
    "identity_from_bytes": "identity",
    "identity_from_description": "description",
    "identity_vector": "identity",
    "interpolate": "identity",
    "lookalike": "identity",
    "perturb": "identity",
    "read_metadata": "portrait",
    "render": "renderer",
    "sample_identity": "identity",
    "sample_scene": "scene",
    "sample_style": "identity",
    "style_from_description": "description",
}

__all__ = [
    "APPEARANCE_NAMES",
    "BACKGROUND_NAMES",
    "FRAMINGS",
    "GEOMETRY_NAMES",
    "RENDERER_VERSION",
    "STYLE_NAMES",
    "FaceTruth",
    "PortraitMetadata",
    "PortraitRenderer",
    "Rendering",
    "Scene",
    "SimulatedIdentity",
    "Style",
    "encode_png",
    "identity_from_bytes",
    "identity_from_description",
    "identity_vector",
    "interpolate",
    "lookalike",
    "perturb",
    "read_metadata",
    "render",
    "sample_identity",
    "sample_scene",
    "sample_style",
    "style_from_description",
]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)
