"""From a structured request to the exact text a provider gets.

Good means: the same request gives the same text and hash on every platform, an empty
field leaves no trace, an unknown variable is an error that names it and its file, and
a retry's patch is never lost.
"""

from personalab_core.prompts.builder import BuiltPrompt, PromptBuilder
from personalab_core.prompts.library import (
    AnchorTemplate,
    AssetScenarios,
    PromptOrigin,
    Scenario,
    ScenarioSet,
    SystemPrompt,
    load_anchor_templates,
    load_asset_scenarios,
    load_patch_catalogue,
    load_system_prompts,
    prompt_origins,
)
from personalab_core.prompts.patches import PatchCatalogue
from personalab_core.prompts.structure import describe_person, subject_description
from personalab_core.prompts.templates import prompt_hash, render_template, template_variables

__all__ = [
    "AnchorTemplate",
    "AssetScenarios",
    "BuiltPrompt",
    "PatchCatalogue",
    "PromptBuilder",
    "PromptOrigin",
    "Scenario",
    "ScenarioSet",
    "SystemPrompt",
    "describe_person",
    "load_anchor_templates",
    "load_asset_scenarios",
    "load_patch_catalogue",
    "load_system_prompts",
    "prompt_hash",
    "prompt_origins",
    "render_template",
    "subject_description",
    "template_variables",
]
