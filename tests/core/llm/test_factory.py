"""The configuration decides which client answers for which modality."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from personalab_core.config import Config, load_config
from personalab_core.errors import ConfigError, MissingDependencyError, MissingKeyError
from personalab_core.llm import LLMClient, RoutingClient, Seedable, create_client, provider_of
from personalab_core.llm.factory import MODALITIES, Modality
from tests.support.fakes import FakeLLMClient
from tests.support.loopback import Reply, loopback_server
from tests.support.vendors import openai_text


def _config(tmp_path: Path, **providers: str) -> Config:
    overrides = {f"models.{modality}": {"provider": name, "model_name": "m"} for modality, name in providers.items()}
    return load_config(profile="simulated", workspace=tmp_path, environ={}, overrides=overrides)


def test_one_provider_for_everything_is_one_adapter(tmp_path: Path) -> None:
    client = create_client(_config(tmp_path))
    assert not isinstance(client, RoutingClient)
    assert {provider_of(client, modality) for modality in MODALITIES} == {"simulated"}


def test_different_providers_are_composed(tmp_path: Path) -> None:
    client = create_client(_config(tmp_path, text="gemini"))
    assert isinstance(client, RoutingClient)
    assert [provider_of(client, modality) for modality in MODALITIES] == ["gemini", "simulated", "simulated"]
    assert client.client_for("image") is client.client_for("video")
    assert repr(client) == "RoutingClient(text=gemini, image=simulated, video=simulated)"


def test_an_unknown_provider_is_named_with_those_that_are_known(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'gemin' for models\.image\.provider.*Known: .*Did you mean 'gemini'"):
        create_client(_config(tmp_path, image="gemin"))


def test_an_unknown_provider_is_never_replaced_by_another(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'midjourney'.*gemini.*simulated"):
        create_client(_config(tmp_path, text="midjourney"))


OFFERS: dict[str, Modality] = {"openai": "text", "runware": "image", "replicate": "image", "runway": "video"}
PACKAGES = {"openai": "openai", "runware": "runware-sdk", "replicate": "replicate", "runway": "runwayml"}
MODULES = {"openai": "openai", "runware": "runware", "replicate": "replicate", "runway": "runwayml"}
VARIABLES = {
    "openai": "OPENAI_API_KEY",
    "runware": "RUNWARE_API_KEY",
    "replicate": "REPLICATE_API_TOKEN",
    "runway": "RUNWAY_API_KEY or RUNWAYML_API_SECRET",
}


@pytest.mark.parametrize("name", sorted(OFFERS))
def test_each_vendor_is_created_without_a_key_and_names_the_variable_at_first_use(tmp_path: Path, name: str) -> None:
    pytest.importorskip(MODULES[name])
    client = create_client(_config(tmp_path, **{OFFERS[name]: name}))
    calls = {
        "text": lambda: client.generate_text_json(
            system_instruction="", user_prompt="p", schema=None, use_search=False, model_name="m"
        ),
        "image": lambda: client.generate_image(parts=["p"], aspect_ratio="1:1", model_name="m"),
        "video": lambda: client.generate_video(prompt="p", resolution="720p", aspect_ratio="16:9", model_name="gen4.5"),
    }
    assert provider_of(client, OFFERS[name]) == name
    with pytest.raises(MissingKeyError, match=VARIABLES[name]):
        calls[OFFERS[name]]()


@pytest.mark.parametrize("name", sorted(OFFERS))
def test_each_vendors_package_is_named_with_its_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    adapter = f"personalab_core.llm.{name}_"
    for module in [m for m in sys.modules if m.startswith(adapter) or m.partition(".")[0] == MODULES[name]]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, MODULES[name], None)
    with pytest.raises(MissingDependencyError, match=f"pip install {PACKAGES[name]}$"):
        create_client(_config(tmp_path, **{OFFERS[name]: name}))


def test_a_missing_key_is_no_obstacle_until_the_provider_is_used(tmp_path: Path) -> None:
    client = create_client(_config(tmp_path, text="gemini"))
    client.generate_image(parts=["a portrait"], aspect_ratio="1:1", model_name="m")
    with pytest.raises(MissingKeyError, match="GEMINI_API_KEY"):
        client.generate_text_json(system_instruction="", user_prompt="p", schema=None, use_search=False, model_name="m")


def test_a_missing_package_is_named_with_its_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "personalab_core.llm.gemini", raising=False)
    monkeypatch.setitem(sys.modules, "google.genai", None)
    with pytest.raises(MissingDependencyError, match="pip install google-genai"):
        create_client(_config(tmp_path, image="gemini"))


def test_seeding_a_composition_seeds_its_parts() -> None:
    text, image = FakeLLMClient(provider="one"), FakeLLMClient(provider="two")
    routing = RoutingClient(text=text, image=image, video=image)
    assert isinstance(routing, Seedable)
    routing.with_seed(5).generate_image(parts=["p"], aspect_ratio="1:1", model_name="m")
    routing.generate_image(parts=["p"], aspect_ratio="1:1", model_name="m")
    assert [request.seed for request in image.requests] == [5, None]
    assert text.requests == []


def test_a_client_from_outside_is_named_by_its_class() -> None:
    class Homemade(FakeLLMClient):
        provider = property(lambda self: None)  # type: ignore[assignment]

    assert provider_of(object(), "image") == "object"  # type: ignore[arg-type]


BACKEND = """
import asyncio
from personalab_core.llm import LLMClient, LLMImageResponse, LLMTextResponse, LLMVideoResponse


class MyAdapter:
    provider = "acme"

    def __init__(self, key):
        self.key = key

    def generate_text_json(self, *, system_instruction, user_prompt, schema, use_search, model_name):
        return LLMTextResponse(parsed={"title": "t"}, text='{"title": "t"}')

    def generate_image(self, *, parts, aspect_ratio, model_name):
        return LLMImageResponse(images=[self.key.encode()])

    def generate_video(self, *, prompt, resolution, aspect_ratio, model_name):
        return LLMVideoResponse(video_data=b"video", operation_name="op-123")

    async def generate_text_json_async(self, **request):
        return await asyncio.to_thread(lambda: self.generate_text_json(**request))

    async def generate_image_async(self, **request):
        return await asyncio.to_thread(lambda: self.generate_image(**request))

    async def generate_video_async(self, **request):
        return await asyncio.to_thread(lambda: self.generate_video(**request))


def create(config):
    return MyAdapter(config.secret("ACME_API_KEY"))


not_callable = 3
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package from elsewhere with providers, one of which works."""
    site = tmp_path / "site"
    info = site / "acme-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "acme_backend.py").write_text(BACKEND)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    points = ("acme = acme_backend:create", "gone = acme_absent:create", "odd = acme_backend:not_callable")
    (info / "entry_points.txt").write_text("[personalab.providers]\n" + "\n".join(points) + "\n")
    monkeypatch.syspath_prepend(str(site))
    yield
    sys.modules.pop("acme_backend", None)


@pytest.mark.usefixtures("installed")
def test_a_package_from_elsewhere_adds_a_provider_of_its_own(tmp_path: Path) -> None:
    overrides = {"models.image": {"provider": "acme", "model_name": "acme-portrait-2"}}
    environ = {"ACME_API_KEY": "its own key"}
    config = load_config(profile="simulated", workspace=tmp_path, environ=environ, overrides=overrides)
    client = create_client(config)
    assert provider_of(client, "image") == "acme"
    response = client.generate_image(parts=["p"], aspect_ratio="1:1", model_name="m")
    assert list(response.images) == [b"its own key"]
    assert isinstance(client.client_for("image"), LLMClient)  # type: ignore[attr-defined]


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("name", "words"),
    [("gone", "acme_absent:create.*cannot be loaded"), ("odd", "not a function"), ("acmee", "Did you mean 'acme'")],
)
def test_a_provider_from_elsewhere_that_does_not_work_is_named(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        create_client(_config(tmp_path, image=name))


def test_a_server_that_speaks_openais_language_is_set_in_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openai")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with loopback_server() as server:
        server.script(Reply(openai_text('{"n": 1}')))
        model = {"provider": "openai_compatible", "model_name": "local-model", "base_url": f"{server.url}/v1"}
        environ = {"OPENAI_API_KEY": "openai's own key"}
        config = load_config(profile="simulated", workspace=tmp_path, environ=environ, overrides={"models.text": model})
        client = create_client(config)
        answer = client.generate_text_json(
            system_instruction="", user_prompt="p", schema=None, use_search=False, model_name="local-model"
        )
    (call,) = server.calls
    assert call.path == "/v1/responses"
    assert "own key" not in str(call.headers)
    assert answer.parsed == {"n": 1}
    assert provider_of(client, "text") == "openai_compatible"


def test_such_a_server_needs_an_address(tmp_path: Path) -> None:
    pytest.importorskip("openai")
    with pytest.raises(ConfigError, match=r"models\.text\.base_url"):
        create_client(_config(tmp_path, text="openai_compatible"))
