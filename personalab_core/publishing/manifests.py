"""C2PA manifests: signed, read back, and told apart."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, BinaryIO

from personalab_core.errors import ConfigError, MissingDependencyError, PersonalabError
from personalab_core.publishing.certificates import DEVELOPMENT_ORGANISATION, SigningCredentials
from personalab_core.schemas.publishing import C2paState, Disclosure
from personalab_core.schemas.version import __version__

INSTALL = "pip install c2pa-python"
ASSERTION = "org.personalab.asset"
"""Label of our own assertion, which holds the :class:`Disclosure`."""

_PARENT_ID = "urn:personalab:parent"
_UNTRUSTED = "signingCredential.untrusted"


class SigningError(PersonalabError):
    """A manifest could not be signed or put into the file; nothing was exported."""


@dataclass(frozen=True, slots=True)
class ManifestContents:
    """What the C2PA library found in a file.

    Attributes:
        state: Of the manifest.
        signer: Organisation in the certificate.
        digital_source: First digital source type among the actions.
        ingredients: Titles.
        disclosure: Our own assertion, if it is there.
    """

    state: C2paState
    signer: str | None = None
    digital_source: str | None = None
    ingredients: tuple[str, ...] = ()
    disclosure: Mapping[str, Any] | None = None


def can_sign() -> bool:
    """Return whether c2pa-python is installed; nothing is imported."""
    return find_spec("c2pa") is not None


def carries_manifest(head: bytes) -> bool:
    """Return whether a file's bytes look like they hold a C2PA manifest; needs no library."""
    return b"c2pa" in head and (b"jumb" in head or b"jumd" in head)


def sign(
    source: BinaryIO,
    target: BinaryIO,
    mime_type: str,
    disclosure: Disclosure,
    credentials: SigningCredentials,
    *,
    parent: tuple[str, str, BinaryIO] | None = None,
) -> None:
    """Write ``source`` with a signed manifest to ``target``; pixels stay the same.

    Args:
        source: The finished file, its XMP packet written already: signing comes last.
        target: Where the signed file goes.
        mime_type: Of both.
        disclosure: What the manifest says.
        credentials: Who signs.
        parent: Title, MIME type and bytes of the provider's file, if that carries a manifest of its own.

    Raises:
        MissingDependencyError: c2pa-python is not installed.
        ConfigError: The certificate or key cannot be used.
        SigningError: The library refused.
    """
    c2pa = _library()
    try:
        signer = c2pa.Signer.from_info(
            # No time-stamp authority: signing needs no network. An empty address would be an error, None is none.
            c2pa.C2paSignerInfo(credentials.algorithm.encode(), credentials.certificate_pem, credentials.key_pem, None)
        )
    except c2pa.C2paError as error:
        raise ConfigError(f"publishing: the certificate cannot be used for signing ({_plain(error)}).") from None
    # Thumbnails would double the size of a picture.
    settings = c2pa.Settings.from_dict({"builder": {"thumbnail": {"enabled": False}}})
    try:
        builder = c2pa.Builder(json.dumps(_manifest(disclosure, parent)), context=c2pa.Context(settings=settings))
        if parent is not None:
            title, parent_mime, stream = parent
            about = {"title": title, "relationship": "parentOf", "instance_id": _PARENT_ID}
            builder.add_ingredient(json.dumps(about), parent_mime, stream)
        builder.sign(signer, mime_type, source, target)
    except c2pa.C2paError as error:
        raise SigningError(f"The C2PA manifest could not be signed: {_plain(error)}.") from None


def read(stream: BinaryIO, mime_type: str) -> ManifestContents:
    """Return what the file's manifest says.

    Raises:
        MissingDependencyError: c2pa-python is not installed.
    """
    c2pa = _library()
    try:
        report = json.loads(c2pa.Reader(mime_type, stream).json())
    except c2pa.C2paError as error:
        absent = "ManifestNotFound" in type(error).__name__ or "ManifestNotFound" in str(error)
        return ManifestContents("none" if absent else "invalid")
    manifest = report["manifests"][report["active_manifest"]]
    signer = manifest.get("signature_info", {}).get("issuer")
    assertions = {a["label"]: a.get("data", {}) for a in manifest.get("assertions", ())}
    return ManifestContents(
        state=_state(report, signer),
        signer=signer,
        digital_source=_digital_source(report),
        ingredients=tuple(i.get("title", "untitled") for i in manifest.get("ingredients", ())),
        disclosure=assertions.get(ASSERTION),
    )


def _manifest(disclosure: Disclosure, parent: object | None) -> dict[str, Any]:
    source = disclosure.digital_source.value
    agent = {"name": disclosure.model, "org.personalab.provider": disclosure.provider}
    if parent is None:
        first: dict[str, Any] = {"action": "c2pa.created", "digitalSourceType": source, "softwareAgent": agent}
    else:
        first = {"action": "c2pa.opened", "parameters": {"ingredientIds": [_PARENT_ID]}}
    edits = [_action(edit, disclosure) for edit in disclosure.edits]
    if parent is not None and not edits:
        edits = [_action("repackaged", disclosure)]
    return {
        "claim_generator_info": [{"name": "personalab_core", "version": __version__}],
        "title": disclosure.asset_id,
        "assertions": [
            {"label": "c2pa.actions", "data": {"actions": [first, *edits]}},
            {"label": ASSERTION, "data": disclosure.model_dump(mode="json")},
        ],
    }


_ACTIONS = {
    "crop": "c2pa.cropped",
    "resize": "c2pa.resized",
    "upscale": "c2pa.resized",
    "repackaged": "c2pa.repackaged",
}


def _action(edit: str, disclosure: Disclosure) -> dict[str, Any]:
    return {
        "action": _ACTIONS.get(edit.split(" ")[0], "c2pa.edited"),
        "digitalSourceType": disclosure.digital_source.value,
        "parameters": {"description": edit},
    }


def _state(report: Mapping[str, Any], signer: str | None) -> C2paState:
    if report.get("validation_state") not in {"Valid", "Trusted"}:
        return "invalid"
    codes = {status.get("code") for status in report.get("validation_status", ())}
    if _UNTRUSTED not in codes:
        return "valid"
    return "development" if signer == DEVELOPMENT_ORGANISATION else "untrusted"


def _digital_source(report: Mapping[str, Any]) -> str | None:
    """Return the first source type in the active manifest, else in the manifests it was made from."""
    manifests = report["manifests"]
    active = report["active_manifest"]
    for label in (active, *(other for other in manifests if other != active)):
        for action in _actions(manifests[label].get("assertions", ())):
            if found := action.get("digitalSourceType"):
                return str(found)
    return None


def _actions(assertions: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [
        action
        for assertion in assertions
        if assertion["label"].startswith("c2pa.actions")
        for action in assertion.get("data", {}).get("actions", ())
    ]


def _library() -> Any:
    try:
        import c2pa
    except ImportError:
        raise MissingDependencyError(f"C2PA manifests need a package that is not installed: {INSTALL}") from None
    return c2pa


def _plain(error: Exception) -> str:
    return str(error).strip().rstrip(".").splitlines()[0][:200] if str(error).strip() else type(error).__name__
