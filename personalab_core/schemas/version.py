"""The package's version, as records name it; ``pyproject.toml`` has the same."""

__version__ = "0.1.0"
