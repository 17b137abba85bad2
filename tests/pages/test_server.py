"""The server's own addresses: pictures, font, headers, and who may ask."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from pages.components.server import SafetyHeaders, TrustedHosts, routes
from personalab_core.views.pictures import picture
from tests.support.workspace_builder import WorkspaceBuilder


@pytest.fixture
def builder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WorkspaceBuilder:
    for name, value in WorkspaceBuilder(tmp_path).environment().items():
        monkeypatch.setenv(name, value)
    made = WorkspaceBuilder(tmp_path)
    made.persona("Mara Lindqvist", persona_id="mara")
    return made


@pytest.fixture
def client(builder: WorkspaceBuilder) -> Iterator[TestClient]:
    app = Starlette(routes=routes(), middleware=[Middleware(TrustedHosts), Middleware(SafetyHeaders)])
    with TestClient(app, base_url="http://127.0.0.1:8501") as made:
        yield made


def test_a_picture_comes_byte_for_byte_and_may_be_kept(client: TestClient, builder: WorkspaceBuilder) -> None:
    (attempt,) = builder.asset("mara", 0.7)
    shown = picture(
        "output", attempt.image_path, attempt.image_sha256, thumbnail=attempt.thumbnail_path, alt="Mara, attempt 1"
    )
    assert shown is not None
    answer = client.get(shown.src)
    assert answer.status_code == 200
    assert answer.content == (builder.config.paths.output / str(attempt.image_path)).read_bytes()
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert answer.headers["x-content-type-options"] == "nosniff"
    small = client.get(shown.thumbnail)
    assert (small.status_code, small.headers["content-type"]) == (200, "image/webp")


@pytest.mark.parametrize(
    "address",
    [
        "/pictures/output/0000000000000000/mara/images/mara_4.png",
        "/pictures/output/0000000000000000/..%2f..%2fetc%2fpasswd",
        "/pictures/personas/0000000000000000/mara.yml",
        "/thumbnails/output/0000000000000000/mara/metrics.jsonl",
        "/assets/fonts/..%2ficon.png",
        "/assets/fonts/LICENSE.txt",
    ],
)
def test_nothing_else_is_served(client: TestClient, builder: WorkspaceBuilder, address: str) -> None:
    builder.asset("mara", 0.7)
    assert client.get(address).status_code == 404


def test_the_font_is_served(client: TestClient) -> None:
    answer = client.get("/assets/fonts/inter-latin-wght-normal.woff2")
    assert answer.status_code == 200
    assert answer.content[:4] == b"wOF2"


def test_a_renamed_host_is_refused(client: TestClient) -> None:
    assert client.get("/assets/fonts/x", headers={"host": "evil.example"}).status_code == 400


def test_a_broken_configuration_serves_nothing(client: TestClient, builder: WorkspaceBuilder) -> None:
    (builder.root / "config.yml").write_text("nonsense: true\n")
    assert client.get("/pictures/output/0000000000000000/mara/x.png").status_code == 404


def test_a_picture_that_no_record_names_is_not_served(client: TestClient, builder: WorkspaceBuilder) -> None:
    (attempt,) = builder.asset("mara", 0.7)
    data = (builder.config.paths.output / str(attempt.image_path)).read_bytes() + b"more"
    stray = builder.config.paths.output / "mara" / "images" / "stray.png"
    stray.write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()[:16]
    assert client.get(f"/pictures/output/{digest}/mara/images/stray.png").status_code == 404


def test_candidates_are_named_by_the_log_of_anchors(client: TestClient, builder: WorkspaceBuilder) -> None:
    record = builder.anchors("mara")[0]
    shown = picture("references", record.path, record.image_sha256, thumbnail=record.thumbnail_path, alt="")
    assert shown is not None
    assert client.get(shown.src).status_code == 200
    assert client.get(shown.thumbnail).status_code == 200


def test_a_picture_opened_by_itself_can_do_nothing(client: TestClient, builder: WorkspaceBuilder) -> None:
    (attempt,) = builder.asset("mara", 0.7)
    shown = picture("output", attempt.image_path, attempt.image_sha256, alt="")
    assert shown is not None
    assert client.get(shown.src).headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert "frame-ancestors 'none'" in client.get("/assets/fonts/none").headers["content-security-policy"]
