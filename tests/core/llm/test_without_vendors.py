"""The package without a single vendor's SDK: it imports, draws, and says what to install."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.vendors import PACKAGES

ROOT = Path(__file__).resolve().parents[3]
HIDDEN = ("google.genai", "google.generativeai", *PACKAGES.values(), "aiohttp", "httpx2")

HIDE = f"""
import sys
from importlib.abc import MetaPathFinder

HIDDEN = {HIDDEN!r}

class Absent(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if any(name == hidden or name.startswith(hidden + ".") for hidden in HIDDEN):
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
"""

EVERYTHING = """
import importlib, pkgutil
import personalab_core
from personalab_core.errors import MissingDependencyError

adapters = []
for module in pkgutil.walk_packages(personalab_core.__path__, "personalab_core."):
    if module.name.endswith("__main__") or "._dashboard" in module.name:
        continue
    try:
        imported = importlib.import_module(module.name)
    except MissingDependencyError as error:
        assert "pip install" in str(error), error
        adapters.append(module.name)
        continue
    except ImportError as error:
        assert error.name.partition(".")[0] in {"google", *HIDDEN}, (module.name, error)
        adapters.append(module.name)
        continue
    for name in getattr(imported, "__all__", ()):
        getattr(imported, name)
print(sorted(name.rpartition(".")[2] for name in adapters))
assert not any(hidden in sys.modules for hidden in HIDDEN)
"""

ONE_PICTURE = """
from pathlib import Path
from personalab_core.config import load_config
from personalab_core.errors import MissingDependencyError
from personalab_core.llm import create_client

config = load_config(workspace=Path("."), environ={})
client = create_client(config)
answer = client.with_seed(1).generate_image(parts=["a portrait"], aspect_ratio="4:5", model_name="m")
assert answer.images or answer.block_reason or answer.finish_reason
for provider in ("gemini", "openai", "runware", "replicate", "runway"):
    overrides = {"models.image": {"provider": provider, "model_name": "m"}}
    try:
        create_client(load_config(workspace=Path("."), environ={}, overrides=overrides))
    except MissingDependencyError as error:
        print(provider, str(error).rpartition("pip install ")[2])
    else:
        raise AssertionError(provider)
"""


def run(code: str, folder: Path, *, arguments: tuple[str, ...] = ()) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(
        [sys.executable, "-W", "error::ImportWarning", "-c", HIDE + code, *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment,
        check=False,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    return ended.stdout


def test_it_draws_and_names_each_package_that_is_missing(tmp_path: Path) -> None:
    assert run(ONE_PICTURE, tmp_path).splitlines() == [
        "gemini google-genai",
        "openai openai",
        "runware runware-sdk",
        "replicate replicate",
        "runway runwayml",
    ]


@pytest.mark.slow
def test_everything_but_the_adapters_can_be_imported(tmp_path: Path) -> None:
    told = run(EVERYTHING, tmp_path).strip()
    vendors = ("gemini", "openai", "replicate", "runware", "runway")
    assert all(any(vendor in name for vendor in vendors) for name in eval(told)), told


@pytest.mark.slow
def test_the_quickstart_runs_from_anchors_to_a_measured_picture(tmp_path: Path) -> None:
    script = ROOT / "examples" / "quickstart.py"
    code = f"import runpy\nsys.argv = [{str(script)!r}, 'ws']\n"
    code += f"try:\n    runpy.run_path({str(script)!r}, run_name='__main__')\nexcept SystemExit as ended:\n"
    code += "    assert ended.code in (None, 0, 1), ended.code\n"
    assert "simulated" in run(code, tmp_path)
    assert list((tmp_path / "ws" / "generated_content").glob("*/metrics.jsonl"))


WITHOUT_AIOHTTP = """
import pytest
sys.modules["aiohttp"] = None
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", *sys.argv[1:]]))
"""


@pytest.mark.slow
def test_every_failure_of_every_vendor_is_the_same_without_aiohttp(tmp_path: Path) -> None:
    """Google's SDK speaks through aiohttp if it can be imported; what is asserted of it holds either way."""
    hide = HIDE.replace(repr(HIDDEN), repr(("aiohttp", "runware")))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    files = ("test_vendor_failures.py", "test_gemini.py", "test_gemini_video.py", "test_vendor_secrets.py")
    ended = subprocess.run(
        [sys.executable, "-c", hide + WITHOUT_AIOHTTP, *(str(Path(__file__).with_name(name)) for name in files)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment,
        check=False,
        timeout=900,
    )
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-2000:]
