"""Events reach a webhook once, signed, however long it takes; and never hold up the loop."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from benchmarks.drift_process import Case
from personalab_core.config import load_config
from personalab_core.errors import ConfigError
from personalab_core.identity.drift import DriftTracker
from personalab_core.identity.drift.watch import DriftWatch
from personalab_core.jobs import WorkspaceRef
from personalab_core.jobs.alerts import OLDEST, THREAD, TRIES, DriftSentinel, Outbox, Webhook, sign
from personalab_core.views.workspace import Workspace
from tests.support.drift_timelines import write_timeline
from tests.support.loopback import LoopbackServer, Reply, loopback_server

NOW = datetime(2026, 11, 22, tzinfo=UTC)
SECRET = "not for logs"


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    with loopback_server() as running:
        yield running


@pytest.fixture
def changed(tmp_path: Path) -> Path:
    write_timeline(tmp_path, Case("step", "step", 0.10), seed=3, length=230, faces=False)
    return tmp_path


def sentinel(
    root: Path, webhook: Webhook | None, *, at: datetime = NOW, waits: list[float] | None = None
) -> DriftSentinel:
    watch = DriftWatch(root / "drift", root, clock=lambda: NOW)
    return DriftSentinel(
        {root / "drift": watch},
        webhook,
        clock=lambda: at,
        sleeper=(waits if waits is not None else []).append,
        name_of={"mara": "Mara Lindqvist"}.get,  # type: ignore[arg-type]
    )


def test_an_event_is_sent_signed_and_once(changed: Path, server: LoopbackServer) -> None:
    hook = Webhook(f"{server.url}/hook", SECRET)
    assert sentinel(changed, hook).look("mara") == 1
    assert sentinel(changed, hook).look("mara") == 0
    (call,) = server.calls
    headers = {name.lower(): value for name, value in call.headers.items()}
    body = json.dumps(call.body).encode()
    assert headers["x-personalab-signature"] == sign(SECRET, body, int(headers["x-personalab-timestamp"]))
    assert headers["x-personalab-delivery"] == call.body["event"]["record_hash"]
    assert call.body["event"]["state"] == "level_down"
    assert call.body["text"].startswith("Mara Lindqvist has changed since about record"), "the name, not the id"


def test_slack_takes_a_text(changed: Path, server: LoopbackServer) -> None:
    sentinel(changed, Webhook(f"{server.url}/hook", format="slack")).look("mara")
    assert list(server.calls[0].body) == ["text"]
    assert "x-personalab-signature" not in {name.lower() for name in server.calls[0].headers}


def test_a_busy_receiver_is_asked_again(changed: Path, server: LoopbackServer) -> None:
    server.script(Reply(status=503), Reply(status=429), Reply())
    waits: list[float] = []
    assert sentinel(changed, Webhook(server.url), waits=waits).look("mara") == 1
    assert len(server.calls) == 3
    assert waits == sorted(waits) and len(waits) == 2


def test_what_could_not_be_sent_waits_for_the_next_look(
    changed: Path, server: LoopbackServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.script(Reply(status=500))
    hook = Webhook(f"{server.url}/hook?key=hidden", SECRET)
    assert sentinel(changed, hook).look("mara") == 0
    assert len(server.calls) == TRIES
    assert "could not be sent" in caplog.text
    assert "hidden" not in caplog.text + repr(hook) and SECRET not in caplog.text + repr(hook)
    server.script(Reply())
    assert sentinel(changed, hook).look("mara") == 1


def test_a_refusal_is_not_repeated(changed: Path, server: LoopbackServer) -> None:
    server.script(Reply(status=404))
    assert sentinel(changed, Webhook(server.url)).look("mara") == 0
    assert len(server.calls) == 1


def test_the_past_is_not_sent(changed: Path, server: LoopbackServer) -> None:
    late = NOW + OLDEST + timedelta(seconds=1)
    assert sentinel(changed, Webhook(server.url), at=late).look("mara") == 0
    assert not server.calls


def test_a_record_is_judged_beside_the_loop(changed: Path, server: LoopbackServer) -> None:
    """The tracker returns at once; closing lets the look under way come to an end."""
    guard = sentinel(changed, Webhook(server.url))
    newest = DriftTracker(changed / "drift").read("mara")[-1]
    tracker = DriftTracker(changed / "drift", told=guard.notice)
    tracker.append(newest.model_copy(update={"attempt_id": "mara-new"}))
    guard.close(timeout_s=60)
    assert len(server.calls) == 1
    outbox = Outbox(changed / "drift", "mara")
    events = DriftWatch(changed / "drift", changed, clock=lambda: NOW).events("mara").read().records
    assert outbox.waiting(events, now=NOW) == []


def test_an_answer_given_on_the_page_is_sent_at_once(
    tmp_path: Path, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page goes on at once; the alarm and the answer to it are sent, signed, by a thread that ends."""
    space = Workspace.open(WorkspaceRef(folder=str(tmp_path), profile="simulated"))
    write_timeline(space.config.paths.output, Case("step", "step", 0.10), seed=3, length=230, faces=False)
    monkeypatch.setenv("PERSONALAB_WEBHOOK_URL", f"{server.url}/hook")
    monkeypatch.setenv("PERSONALAB_WEBHOOK_SECRET", SECRET)
    space.answer_change("mara", accept=True, reason="new hair")
    for thread in threading.enumerate():
        if thread.name == THREAD:
            thread.join(60)
    assert [call.body["event"]["event"] for call in server.calls] == ["alarm", "accepted"]
    assert server.calls[1].body["text"].endswith("Reason: new hair")
    assert all("x-personalab-signature" in call.headers for call in server.calls)


def test_a_wrong_address_is_said_before_the_answer_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    space = Workspace.open(WorkspaceRef(folder=str(tmp_path), profile="simulated"))
    write_timeline(space.config.paths.output, Case("step", "step", 0.10), seed=3, length=230, faces=False)
    monkeypatch.setenv("PERSONALAB_WEBHOOK_URL", "example.org")
    with pytest.raises(ConfigError):
        space.answer_change("mara", accept=False, reason="new hair")
    assert [e.event for e in space.records.watch.events("mara").read().records] == []


def test_an_unreadable_timeline_does_not_end_the_thread(tmp_path: Path, server: LoopbackServer) -> None:
    guard = sentinel(tmp_path, Webhook(server.url))
    guard.notice("../mara")
    write_timeline(tmp_path, Case("step", "step", 0.10), seed=3, length=230, faces=False)
    guard.notice("mara")
    guard.close(timeout_s=60)
    assert len(server.calls) == 1


def test_the_address_comes_from_the_environment(tmp_path: Path) -> None:
    config = load_config(workspace=tmp_path, environ={}, profile="simulated")
    assert Webhook.of(config, {}) is None
    found = Webhook.of(config, {"PERSONALAB_WEBHOOK_URL": "https://example.org/x", "PERSONALAB_WEBHOOK_SECRET": SECRET})
    assert found == Webhook("https://example.org/x", SECRET)
    with pytest.raises(ConfigError, match="PERSONALAB_WEBHOOK_URL is not an address"):
        Webhook.of(config, {"PERSONALAB_WEBHOOK_URL": "example.org"})
