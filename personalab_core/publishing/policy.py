"""The marker that a configuration asks for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from personalab_core.config.settings import PublishingSettings
from personalab_core.errors import MissingDependencyError
from personalab_core.publishing.certificates import development_credentials, own_credentials
from personalab_core.publishing.manifests import INSTALL, can_sign
from personalab_core.publishing.marking import Marker

CREDENTIALS_FOLDER = "provenance"


@dataclass(frozen=True, slots=True)
class Marking:
    """How files are marked, and what the records say about it.

    Attributes:
        marker: Writes the marks; ``None`` if they are switched off.
        note: One sentence for records and people.
    """

    marker: Marker | None
    note: str


def marking_for(settings: PublishingSettings, output_dir: Path) -> Marking:
    """Return how this workspace marks its files.

    Args:
        settings: The configuration's ``publishing`` section.
        output_dir: Where a development certificate is kept (``provenance/``).

    Raises:
        ConfigError: The configured certificate cannot be read.
        MissingDependencyError: ``c2pa: required``, and c2pa-python is not installed.
    """
    note = marking_note(settings)
    if not settings.mark:
        return Marking(None, note)
    if settings.c2pa == "required" and not can_sign():
        raise MissingDependencyError(f"publishing.c2pa is 'required' and needs a package: {INSTALL}")
    if settings.c2pa == "off" or not can_sign():
        return Marking(Marker(credentials=None, text=settings.disclosure), note)
    if settings.certificate is not None and settings.private_key is not None:
        credentials = own_credentials(settings.certificate, settings.private_key, settings.certificate_algorithm)
    else:
        credentials = development_credentials(output_dir / CREDENTIALS_FOLDER)
    return Marking(Marker(credentials=credentials, text=settings.disclosure), note)


def marking_note(settings: PublishingSettings) -> str:
    """Return in one sentence how files are marked; nothing is read or made for it."""
    if not settings.mark:
        return "Not marked: publishing.mark is off in the configuration."
    if settings.c2pa == "off":
        return "No C2PA manifest: publishing.c2pa is off."
    if not can_sign():
        return f"No C2PA manifest: c2pa-python is missing ({INSTALL})."
    if settings.certificate is not None and settings.private_key is not None:
        return "Signed with your own certificate."
    return "Signed with a development certificate made here; it proves that nothing was changed, not who signed."
