"""Finishing of pictures: the phone look, sharpening, upscaling. Pixels only; never a decision about identity."""

from personalab_core.tools.realism import RealismFilter, RealismPreset, load_realism_presets
from personalab_core.tools.resolution import sharpen, upscale, upscaler

__all__ = ["RealismFilter", "RealismPreset", "load_realism_presets", "sharpen", "upscale", "upscaler"]
