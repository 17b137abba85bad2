"""The packet says it in IPTC's words; what others write is understood; what is broken says nothing."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalab_core.publishing.xmp import build_packet, parse_packet
from personalab_core.schemas.publishing import DigitalSource, Disclosure

TRAINED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"


def disclosure(**changes: object) -> Disclosure:
    fields = {
        "persona": "mara",
        "asset_id": "a-1",
        "tool": "personalab_core 0.1.0",
        "provider": "simulated",
        "model": "portrait-image-1",
        "simulated": True,
        "parent_sha256": "ab" * 32,
        "edits": ("crop", "realism phone"),
        "created": datetime(2026, 11, 22, 9, tzinfo=UTC),
    }
    return Disclosure.model_validate(fields | changes)


def test_packet_holds_the_iptc_code_and_our_fields() -> None:
    packet = build_packet(disclosure(), text="Made with AI <really> & truly.")
    assert f"<Iptc4xmpExt:DigitalSourceType>{TRAINED}</Iptc4xmpExt:DigitalSourceType>".encode() in packet
    read = parse_packet(packet)
    assert read.digital_source == TRAINED
    assert read.disclosure == disclosure()


def test_composite_has_its_own_code() -> None:
    packet = build_packet(disclosure(digital_source=DigitalSource.COMPOSITE))
    assert parse_packet(packet).digital_source == TRAINED.replace("trained", "compositeWithTrained").replace(
        "digitalsourcetype/c", "digitalsourcetype/c"
    )


def test_the_short_form_of_other_programs_is_read() -> None:
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
        f'Iptc4xmpExt:DigitalSourceType="{TRAINED}"/></rdf:RDF></x:xmpmeta>'
    )
    assert parse_packet(packet).digital_source == TRAINED
    assert parse_packet(packet).disclosure is None


@pytest.mark.parametrize(
    "packet",
    [
        None,
        b"",
        b"<x",
        b"\xff\xfe broken",
        b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]><x>&a;</x>',
        b"<x>" + b" " * 1_000_001 + b"</x>",
    ],
    ids=["absent", "empty", "cut off", "no text", "entities", "huge"],
)
def test_what_is_broken_or_hostile_says_nothing(packet: bytes | None) -> None:
    assert parse_packet(packet).digital_source is None


@given(st.text(max_size=60), st.lists(st.text(max_size=20), max_size=4))
def test_any_text_survives(model: str, edits: list[str]) -> None:
    written = disclosure(model=model, edits=tuple(edits))
    assert parse_packet(build_packet(written)).disclosure == written
