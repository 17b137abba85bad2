"""Shared rules for every test: no keys, no outside network, no leftover state."""

from __future__ import annotations

import os
import socket

import pytest
from hypothesis import settings

_SECRET_WORDS = ("API_KEY", "API_TOKEN", "API_SECRET")

# A busy machine must not fail a property; whole tests are watched by the clock, examples are not.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


@pytest.fixture(autouse=True)
def clean_environ(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the shell's keys or settings."""
    for name in list(os.environ):
        if name.startswith("PERSONALAB") or any(word in name for word in _SECRET_WORDS):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection to anywhere but this machine fails the test that tries it."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        if isinstance(address, tuple) and str(address[0]) not in {"127.0.0.1", "::1", "localhost"}:
            pytest.fail(f"a test tried to reach {address[0]}")
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded)
