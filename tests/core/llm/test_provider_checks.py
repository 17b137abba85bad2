"""What doctor says of providers: package, key, model, price, and, when asked to, the vendor itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from personalab_core.config import load_config
from personalab_core.llm.provider_checks import VENDORS, ProviderCheck, check_providers
from personalab_core.llm.reachability import check_reachability
from tests.support.documented import documented_config
from tests.support.loopback import LoopbackServer, Reply, loopback_server

KEY = "key-3141592653"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with loopback_server() as running:
        yield running


def checks(folder: Path, *, online: Any = None, environ: dict[str, str] | None = None, **models: Any) -> dict[str, Any]:
    overrides = {f"models.{modality}": model for modality, model in models.items()}
    config = load_config(workspace=folder, profile="simulated", environ=environ or {}, overrides=overrides)
    base_urls = dict.fromkeys(VENDORS, online.url) if online else None
    found = list(check_providers(config, online=online is not None, base_urls=base_urls))
    assert KEY not in str(found)
    return {check.subject: check for check in found}


def test_what_is_not_in_use_is_optional_and_what_is_missing_says_what_to_do(tmp_path: Path) -> None:
    found = checks(tmp_path, image={"provider": "replicate", "model_name": "black-forest-labs/flux-dev"})
    assert found["key of runway"].verdict == "optional"
    assert found["key of replicate"] == ProviderCheck(
        "key of replicate",
        "missing",
        "REPLICATE_API_TOKEN is not set: put it into the environment or into .env",
    )
    price = found["price of black-forest-labs/flux-dev"]
    assert (price.verdict, "$0.025" in price.detail, "transcribed" in price.detail) == ("ok", True, True)


def test_a_model_or_a_price_that_is_not_known_is_told(tmp_path: Path) -> None:
    pytest.importorskip("runwayml")
    found = checks(tmp_path, video={"provider": "runway", "model_name": "gen3a_turbo"})
    assert (found["model for video"].verdict, "gen4.5" in found["model for video"].detail) == ("missing", True)
    assert found["price of gen3a_turbo"].verdict == "optional"


def test_a_recipe_with_a_mistake_is_told(tmp_path: Path) -> None:
    found = checks(tmp_path, image={"provider": "http", "model_name": "m", "http": {"base_url": "http://x"}})
    assert (found["providers"].verdict, "http.request" in found["providers"].detail) == ("missing", True)


def test_online_every_vendor_with_a_key_is_asked(tmp_path: Path, server: LoopbackServer) -> None:
    environ = {"OPENAI_API_KEY": KEY, "REPLICATE_API_TOKEN": KEY}
    found = checks(
        tmp_path, online=server, environ=environ, image={"provider": "replicate", "model_name": "acme/portraits"}
    )
    assert found["replicate for image"].detail == "answers, takes the key and knows acme/portraits"
    assert found["openai (not in use)"].detail == "answers, takes the key"
    assert [call.path for call in server.calls] == ["/v1/models/acme/portraits", "/models"]
    assert all(call.method == "GET" for call in server.calls)


def test_offline_nobody_is_asked(tmp_path: Path, server: LoopbackServer) -> None:
    found = checks(tmp_path, environ={"OPENAI_API_KEY": KEY})
    assert not [subject for subject in found if "not in use" in subject]
    assert server.calls == []


def test_a_model_name_with_a_slip_is_answered_with_those_there_are(server: LoopbackServer) -> None:
    server.route("GET", "/v1beta/models/", Reply(status=404))
    listed = {"models": [{"name": "models/gemini-3-pro-image-preview"}, {"name": "models/veo-9"}]}
    server.route("GET", "/v1beta/models?", Reply(listed))
    found = check_reachability("gemini", "gemini-3-pro-imag", KEY, base_url=server.url)
    assert (found.ok, "It has gemini-3-pro-image-preview" in found.detail) == (False, True)


@pytest.mark.parametrize(("listed", "ok"), [("local-model", True), ("other", False)])
def test_a_server_of_ones_own_lists_its_models(server: LoopbackServer, listed: str, ok: bool) -> None:
    server.script(Reply({"data": [{"id": listed}]}))
    assert check_reachability("openai_compatible", "local-model", "none", base_url=server.url).ok is ok


def test_an_endpoint_of_ones_own_is_only_knocked_at(tmp_path: Path, server: LoopbackServer) -> None:
    server.script(Reply(b"<html>ComfyUI</html>"))
    config = documented_config(tmp_path, "comfyui", base_url=server.url)
    found = {check.subject: check for check in check_providers(config, online=True)}
    assert found["http for image"].verdict == "ok"
    assert [(call.method, call.path) for call in server.calls] == [("GET", "/")]
