"""Settings: defaults of the specification, layers in order, and errors that say what to do."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from personalab_core.config import Config, Section, load_config
from personalab_core.config.layers import known_keys
from personalab_core.errors import ConfigError


def load(workspace: Path, **kwargs: object) -> Config:
    return load_config(workspace=workspace, **{"environ": {}, **kwargs})  # type: ignore[arg-type]


def write(folder: Path, text: str, name: str = "config.yml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_bare_start_is_simulated_with_bundled_pack(tmp_path: Path) -> None:
    config = load(tmp_path)
    assert config.profile == "simulated"
    assert config.simulated
    assert {config.provider(m) for m in ("text", "image", "video")} == {"simulated"}
    assert config.model_name("image").startswith("portrait-")
    assert config.evaluation.embedding.model_name == "simface"


def test_config_file_implies_specified_defaults(tmp_path: Path) -> None:
    write(tmp_path, "# nothing changed\n")
    config = load(tmp_path)
    assert (config.profile, config.simulated) == ("default", False)
    assert config.model_name("text") == "gemini-3-flash-preview"
    assert config.model_name("image") == "gemini-3-pro-image-preview"
    assert config.model_name("video") == "veo-3.1-fast-generate-preview"
    assert config.evaluation["embedding"]["model_name"] == "buffalo_l"
    assert config.evaluation["embedding"]["similarity_threshold"] == 0.55
    assert config.evaluation["geometric"]["max_normalized_error"] == 0.08
    assert dict(config.evaluation["scoring"]["weights"]) == {"embedding": 0.7, "geometric": 0.3}
    assert config.evaluation["scoring"]["accept_threshold"] == 0.55
    assert config.evaluation["scoring"]["retry_threshold"] == 0.35
    assert config.evaluation["scoring"]["policy_mode"] == "composite_only"
    assert config.evaluation["retry"]["max_attempts"] == 3
    assert config.evaluation["quality"]["sharpness"]["min_ratio"] == 0.4
    assert config.evaluation["quality"]["illumination"]["max_histogram_distance"] == 0.35
    assert config.evaluation["quality"]["post_processing"]["max_embedding_std"] == 0.06
    assert config.evaluation["quality"]["post_processing"]["max_geometric_variance"] == 0.002
    assert config.generation["image"]["aspect_ratio"] == "4:5"
    assert (config.generation["video"]["resolution"], config.generation["video"]["aspect_ratio"]) == ("720p", "9:16")
    assert config.generation["image"]["provider"] == "gemini"
    assert config.runtime.get("provider_limits")["runware"] == 10
    assert config.runtime.get("rate_limits")["replicate"] == 2.0
    assert dict(config.runtime.retry) == {
        "max_retries": 3,
        "backoff_base": 1.0,
        "backoff_max": 30.0,
        "backoff_factor": 2.0,
        "retry_ambiguous": False,
    }


def test_sections_read_as_attributes_and_as_mappings(tmp_path: Path) -> None:
    evaluation = load(tmp_path).evaluation
    assert evaluation.scoring.accept_threshold == evaluation["scoring"]["accept_threshold"]
    assert evaluation.get("nothing", {}) == {}
    assert "scoring" in evaluation
    assert list(evaluation) == list(dict(evaluation))
    with pytest.raises(KeyError):
        evaluation["nothing"]


def test_later_layers_win(tmp_path: Path) -> None:
    key = "evaluation.retry.max_attempts"
    variable = "PERSONALAB__EVALUATION__RETRY__MAX_ATTEMPTS"
    file = write(tmp_path, "evaluation: {retry: {max_attempts: 4}}")
    assert load(tmp_path).evaluation.retry.max_attempts == 4
    write(tmp_path, f"{variable}=5\n", ".env")
    assert load(tmp_path).evaluation.retry.max_attempts == 5
    config = load(tmp_path, environ={variable: "6"})
    assert config.evaluation.retry.max_attempts == 6
    config = load(tmp_path, environ={variable: "6"}, overrides={key: 7})
    assert config.evaluation.retry.max_attempts == 7
    assert config.origin(key) == "overrides"
    assert list(config.sources) == ["defaults", "profile", "file", ".env", "environment", "overrides"]
    assert config.sources["file"] == str(file)


def test_simulation_asked_for_beats_file_and_variables(tmp_path: Path) -> None:
    """Nobody pays by trying, whatever the workspace and the shell say."""
    write(tmp_path, "models: {image: {provider: runware, model_name: some-model}}")
    environ = {"PERSONALAB__MODELS__TEXT__PROVIDER": "openai", "PERSONALAB__MODELS__TEXT__MODEL_NAME": "gpt"}
    config = load(tmp_path, profile="simulated", environ=environ)
    assert {config.provider(m) for m in ("text", "image", "video")} == {"simulated"}
    assert config.evaluation.embedding.model_name == "simface"
    by_variable = load(tmp_path, environ={**environ, "PERSONALAB_PROFILE": "simulated"})
    assert by_variable.provider("image") == "simulated"


def test_file_can_stay_simulated(tmp_path: Path) -> None:
    write(tmp_path, "profile: simulated\nevaluation: {retry: {max_attempts: 2}}\n", "personalab.yml")
    config = load(tmp_path)
    assert (config.profile, config.provider("image"), config.evaluation.retry.max_attempts) == (
        "simulated",
        "simulated",
        2,
    )


def test_plain_model_name_means_gemini(tmp_path: Path) -> None:
    write(tmp_path, 'models:\n  text: "gemini-3-flash-preview"\n  image: other-model\n')
    config = load(tmp_path)
    assert (config.provider("image"), config.model_name("image")) == ("gemini", "other-model")


def test_limits_follow_the_image_provider(tmp_path: Path) -> None:
    write(tmp_path, "models: {image: {provider: runware, model_name: x}}")
    assert load(tmp_path).generation.image.provider == "runware"


def test_provider_without_its_model_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "models: {image: {provider: runware}}")
    with pytest.raises(ConfigError, match=r"models\.image\.model_name"):
        load(tmp_path)


def test_paths_start_at_the_config_file(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    file = write(tmp_path / "deep", "paths: {output: ../out}")
    config = load_config(file, environ={})
    assert config.paths["output"] == tmp_path / "out"
    assert config.paths["references"] == tmp_path / "deep" / "references"
    assert config.evaluation["drift"]["log_dir"] == tmp_path / "out" / "drift"
    assert config.paths.jobs == tmp_path / "out" / "jobs.sqlite3"


def test_drift_folder_can_be_set_apart(tmp_path: Path) -> None:
    config = load(tmp_path, overrides={"evaluation.drift.log_dir": "/elsewhere"})
    assert config.evaluation.drift.log_dir == Path("/elsewhere")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("evaluation: {scorng: {}}", "unknown setting 'evaluation.scorng'. Did you mean 'evaluation.scoring'?"),
        ("accept_threshold: 0.6", "unknown setting 'accept_threshold'. Did you mean 'evaluation.scoring.accept_thresh"),
        ("zzz: 1", "unknown setting 'zzz'. Known here: models, generation"),
        ("evaluation: 5", "'evaluation' is a group of settings"),
        ("evaluation: {retry: {max_attempts: many}}", "expected a whole number, got the text 'many'"),
        ("evaluation: {retry: {max_attempts: 0}}", "expected a number >= 1, got the number 0"),
        ("evaluation: {drift: {enabled: 1}}", "expected true or false, got the number 1"),
        ("evaluation: {scoring: {accept_threshold: '0.5'}}", "expected a number, got the text '0.5'"),
        ("evaluation: {scoring: {accept_threshold: 0.2}}", "must not be above accept_threshold"),
        ("evaluation: {scoring: {weights: {embedding: 0, geometric: 0}}}", "at least one weight"),
        ("evaluation: {scoring: {policy_mode: lax}}", "expected one of 'composite_only' or 'strict'"),
        ("generation: {image: {aspect_ratio: 4x5}}", "expected text such as '4:5'"),
        ("paths: {output: 3}", "'paths.output': expected a path, got the number 3"),
        ("runtime: {provider_limits: {gemini: a}}", "runtime.provider_limits.gemini"),
        ("profile: simulate", "Did you mean 'simulated'?"),
        ("- a list", "expected settings as 'key: value' lines"),
        ("evaluation: [\n", "line 2"),
    ],
)
def test_a_wrong_setting_names_file_key_and_remedy(tmp_path: Path, text: str, expected: str) -> None:
    file = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load(tmp_path)
    assert str(caught.value).startswith(str(file))
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_wrong_variable_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"PERSONALAB__EVALUATION__RETRI__MAX_ATTEMPTS.*evaluation\.retry"):
        load(tmp_path, environ={"PERSONALAB__EVALUATION__RETRI__MAX_ATTEMPTS": "2"})


def test_text_settings_in_variables_stay_text(tmp_path: Path) -> None:
    environ = {"PERSONALAB__MODELS__TEXT__PROVIDER": "openai", "PERSONALAB__MODELS__TEXT__MODEL_NAME": "5"}
    assert load(tmp_path, environ=environ).model_name("text") == "5"


def test_missing_file_and_unknown_profile_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such config file"):
        load_config(tmp_path / "none.yml", environ={})
    with pytest.raises(ConfigError, match="Did you mean 'default'"):
        load(tmp_path, profile="defualt")


def test_empty_group_changes_nothing(tmp_path: Path) -> None:
    write(tmp_path, "evaluation:\n  # scoring:\n")
    assert load(tmp_path).evaluation.scoring.accept_threshold == 0.55


def test_secrets_come_from_dotenv_and_environment_and_are_never_shown(tmp_path: Path) -> None:
    write(tmp_path, "GOOGLE_API_KEY=from-file\nOPENAI_API_KEY=sk-secret\nEMPTY=\n", ".env")
    config = load(tmp_path, environ={"GOOGLE_API_KEY": "from-shell"})
    assert config.secret("GOOGLE_API_KEY", "GEMINI_API_KEY") == "from-shell"
    assert config.secret("OPENAI_API_KEY") == "sk-secret"
    assert config.secret("EMPTY", "RUNWAY_API_KEY") is None
    shown = f"{config!r} {config} {config.to_mapping()}"
    assert "from-shell" not in shown
    assert "sk-secret" not in shown
    assert "OPENAI_API_KEY" not in os.environ


def test_secrets_do_not_travel_with_a_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "OPENAI_API_KEY=sk-of-the-file\n", ".env")
    monkeypatch.setenv("GOOGLE_API_KEY", "sk-of-this-machine")
    config = load_config(workspace=tmp_path)
    assert config.secret("OPENAI_API_KEY") == "sk-of-the-file"
    sent = pickle.dumps(config)
    assert b"sk-of" not in sent
    monkeypatch.setenv("GOOGLE_API_KEY", "sk-of-the-other-machine")
    write(tmp_path, "OPENAI_API_KEY=sk-of-its-file\n", ".env")
    arrived = pickle.loads(sent)
    assert arrived.secret("GOOGLE_API_KEY") == "sk-of-the-other-machine"
    assert arrived.secret("OPENAI_API_KEY") == "sk-of-its-file"
    assert arrived == config


def test_hash_is_the_same_everywhere_and_sees_what_matters(tmp_path: Path) -> None:
    one = load(tmp_path / "one")
    other = load(tmp_path / "two", environ={"GOOGLE_API_KEY": "x"}, overrides={"evaluation.drift.log_dir": "/d"})
    assert one.config_hash == other.config_hash
    assert len(one.config_hash) == 16
    assert int(one.config_hash, 16) >= 0
    changed = load(tmp_path, overrides={"evaluation.scoring.accept_threshold": 0.56})
    assert changed.config_hash != one.config_hash


def test_whole_number_counts_as_number(tmp_path: Path) -> None:
    """1 and 1.0 are one value, so they give one hash."""
    as_int = load(tmp_path, overrides={"runtime.retry.backoff_base": 1})
    assert as_int.config_hash == load(tmp_path).config_hash


def test_configuration_is_frozen(tmp_path: Path) -> None:
    config = load(tmp_path)
    with pytest.raises(ValueError, match="frozen"):
        config.evaluation.retry.max_attempts = 5  # type: ignore[misc]
    with pytest.raises(AttributeError):
        config.profile = "default"  # type: ignore[misc]


def test_mapping_form_is_plain_and_complete(tmp_path: Path) -> None:
    plain = load(tmp_path).to_mapping()
    for key in known_keys():
        value: object = plain
        for name in key.split("."):
            assert isinstance(value, dict)
            value = value[name]
        assert not isinstance(value, Section | Path)
