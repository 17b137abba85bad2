"""Typed settings, profiles and personas: what a user wrote, checked once and then frozen.

Good means: every default is in one YAML file, an unknown or mistyped key is an error
that names the file, the key and the nearest valid one, and no secret is ever printed.
"""

from personalab_core.config.loader import Config, load_config
from personalab_core.config.personas import PersonaStore
from personalab_core.config.resources import dashboard_root, data_path, data_root
from personalab_core.config.section import Section
from personalab_core.config.yaml_files import read_yaml_mapping, write_yaml

__all__ = [
    "Config",
    "PersonaStore",
    "Section",
    "dashboard_root",
    "data_path",
    "data_root",
    "load_config",
    "read_yaml_mapping",
    "write_yaml",
]
