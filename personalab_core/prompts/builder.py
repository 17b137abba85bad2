"""One structured prompt, one template, some patches: one text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from personalab_core.errors import ConfigError
from personalab_core.prompts.library import shipped_template
from personalab_core.prompts.templates import prompt_hash, render_template, template_variables
from personalab_core.schemas import Character, Framing, ImagePrompt, PromptPatch, VideoPrompt

_FRAMINGS = {
    "headshot": "headshot portrait",
    "half_body": "half-body portrait",
    "full_body": "full-body photo",
    None: "portrait photo",
}
_ALONE = "Nobody else is in the picture."
_WITH_OTHERS = "Other people may be in the background, out of focus and small."


@dataclass(frozen=True, slots=True)
class BuiltPrompt:
    """The text for a provider.

    Attributes:
        text: Exactly what is sent.
        prompt_hash: SHA-256 hex of ``text`` (Unicode NFC, plain line feeds).
        template_hash: SHA-256 hex of the template, so that a changed wording shows in the records.
    """

    text: str = field(repr=False)
    prompt_hash: str
    template_hash: str


class PromptBuilder:
    """Renders structured prompts with one template.

    Args:
        template: The template's text, or a mapping with the text under ``template`` (such as
            ``load_asset_scenarios(config)["image_scenarios"]``). ``None`` and ``{}`` mean the
            built-in template of the prompt's kind. A mapping's ``framing`` is for prompts without one.
    """

    def __init__(self, template: str | Mapping[str, Any] | None = None) -> None:
        if isinstance(template, str):
            template = {"template": template}
        given = template or {}
        self._text: str | None = given.get("template")
        self._source = str(given.get("source") or "template")
        self._framing: Framing | None = given.get("framing")
        if self._text is not None and (not isinstance(self._text, str) or not self._text.strip()):
            raise ConfigError(f"{self._source}: expected 'template' to be text, got {type(self._text).__name__}.")

    def build(
        self,
        prompt: ImagePrompt | VideoPrompt,
        *,
        patches: Sequence[PromptPatch] = (),
        persona: Character | str | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> BuiltPrompt:
        """Return the text of a structured prompt.

        A line of the template is left out when it has variables and all of them are empty.
        Patches stand where the template has ``${PATCHES}``, else at the end.

        Args:
            prompt: What the picture or video should show.
            patches: Corrections of a retry, in order.
            persona: For ``${PERSONA}``.
            variables: Further variables for the template.

        Raises:
            ConfigError: The template uses an unknown variable; the message names it and the file.
        """
        if self._text is None:
            template, source = shipped_template("video" if isinstance(prompt, VideoPrompt) else "image")
        else:
            template, source = self._text, self._source
        framed = prompt if prompt.framing else prompt.model_copy(update={"framing": self._framing})
        values = {**prompt_variables(framed, persona), **(variables or {}), "PATCHES": _patch_lines(patches)}
        body = template if "PATCHES" in template_variables(template) else f"{template.rstrip()}\n${{PATCHES}}\n"
        lines = (line for line in body.splitlines() if _stays(line, values))
        text = "\n".join(render_template(line.rstrip(), values, source=source) for line in lines).strip()
        return BuiltPrompt(text=text, prompt_hash=prompt_hash(text), template_hash=prompt_hash(template))


def prompt_variables(prompt: ImagePrompt | VideoPrompt, persona: Character | str | None = None) -> dict[str, str]:
    """Return the template variables of a structured prompt; what is not given is empty."""
    duration_s = prompt.duration_s if isinstance(prompt, VideoPrompt) else None
    return {
        "SUBJECT": _phrase(prompt.subject_description),
        "FRAMING": _FRAMINGS[prompt.framing],
        "ACTION": _phrase(prompt.action_details),
        "LOCATION": _phrase(prompt.location_details),
        "OUTFIT": _phrase(prompt.outfit_details),
        "EXPRESSION": _phrase(prompt.expression),
        "LIGHTING": _phrase(prompt.lighting),
        "MOOD": _phrase(prompt.mood),
        "CAMERA": _phrase(prompt.camera),
        "NEGATIVE": _phrase(prompt.negative),
        "PEOPLE": _WITH_OTHERS if prompt.other_people else _ALONE,
        "PERSONA": persona.name if isinstance(persona, Character) else persona or "",
        "DURATION": f"{duration_s:g}" if duration_s else "",
    }


def _phrase(text: str) -> str:
    """One line without its full stop, which the template's own sentence has."""
    line = " ".join(text.split())
    return line if line.endswith("..") else line.removesuffix(".")


def _patch_lines(patches: Sequence[PromptPatch]) -> str:
    return "\n".join(patch.text for patch in patches)


def _stays(line: str, values: Mapping[str, str]) -> bool:
    names = template_variables(line)
    # An unknown variable counts as filled here, so that rendering the line reports it.
    return not names or any(values.get(name, "?") for name in names)
