"""Keys, prompts and pictures stay out of every log at DEBUG, every message and every repr."""

from __future__ import annotations

import base64
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from personalab_core.errors import LLMError
from tests.support.logs import everything_logged
from tests.support.loopback import Reply
from tests.support.vendors import ANSWERED, KEY, MODULES, PROMPT, REFERENCE, Rig, rig_of


@pytest.mark.parametrize("ask", [Rig.ask, Rig.ask_async], ids=["sync", "async"])
@pytest.mark.parametrize("failing", [False, True], ids=["answered", "refused"])
@pytest.mark.parametrize("vendor", sorted(MODULES))
def test_nothing_confidential_is_logged_or_said(
    vendor: str, failing: bool, ask: Callable[[Rig], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(MODULES[vendor])
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with rig_of(vendor) as rig, everything_logged() as log:
        rig.answer()
        if failing:
            rig.api.routes.clear()
            rig.api.script(Reply({"error": {"message": f"{KEY} {PROMPT}"}}, status=400))
        said = [repr(rig.adapter)]
        try:
            said.append(repr(ask(rig)))
        except LLMError as error:
            said.append("".join(traceback.format_exception(error)))
    sent = str(rig.api.calls[0].headers) + str(rig.api.calls[0].body)
    assert KEY in sent  # or this test could not fail
    assert PROMPT in sent
    assert log.getvalue()
    everything = log.getvalue() + "".join(said)
    for secret in (KEY, PROMPT, base64.b64encode(REFERENCE).decode()[:40], base64.b64encode(ANSWERED).decode()[:40]):
        assert secret not in everything
    assert str(ANSWERED)[2:30] not in everything
