"""Tells a team what the drift monitor found: a webhook, signed and retried, in a thread of its own.

The attempt loop only puts a persona's name into a queue. What could not be sent stays noted beside
the timeline and is sent with the next look, so that nothing is lost when a process ends.
"""

from __future__ import annotations

import atexit
import hashlib
import hmac
import json
import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from personalab_core.config import Config, PersonaStore
from personalab_core.config.atomic_files import write_atomic
from personalab_core.errors import ConfigError, PersonalabError
from personalab_core.identity.drift.sentences import named
from personalab_core.identity.drift.watch import CANARY_FOLDER, MONITOR_FOLDER, DriftWatch
from personalab_core.jobs.judging import judge
from personalab_core.schemas import DriftEventRecord

_log = logging.getLogger(__name__)

SIGNATURE_HEADER, TIMESTAMP_HEADER, DELIVERY_HEADER = (
    "X-Personalab-Signature",
    "X-Personalab-Timestamp",
    "X-Personalab-Delivery",
)
TIMEOUT_S = 10.0
TRIES = 5
OLDEST = timedelta(days=7)
"""Events found later than this are history: switching alerts on does not send the past."""
THREAD = "drift-sentinel"
LEAVING_S = 5.0
"""How long the end of the process waits for what is being sent."""

Format = Literal["generic", "slack"]


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where events are sent.

    Attributes:
        url: Address; it may hold a secret and is never logged.
        secret: Key of the signature; none is sent without it.
        format: ``generic`` JSON, or what Slack's incoming webhooks take.
    """

    url: str
    secret: str | None = None
    format: Format = "generic"

    def __repr__(self) -> str:
        return f"Webhook(format={self.format!r})"

    @classmethod
    def of(cls, config: Config, environ: Mapping[str, str] = os.environ) -> Webhook | None:
        """Return the webhook of a configuration, ``None`` if its variable is not set.

        Raises:
            ConfigError: The address is not one of a web server.
        """
        alerts = config.evaluation.drift.alerts
        url = environ.get(alerts.url_env, "").strip()
        if not url:
            return None
        if not url.startswith(("https://", "http://")):
            raise ConfigError(f"{alerts.url_env} is not an address: expected one that begins with https://.")
        return cls(url, environ.get(alerts.secret_env) or None, alerts.format)

    def body(self, event: DriftEventRecord, name: str) -> bytes:
        """Return what is sent of an event of a persona with this name."""
        sentence = named(event.sentence, event.persona, name)
        said = sentence if name in sentence else f"{name}: {sentence}"
        text = said + (f" Reason: {event.reason}" if event.reason else "")
        if self.format == "slack":
            return json.dumps({"text": text}).encode()
        fields = event.model_dump(mode="json", exclude={"previous_hash"})
        return json.dumps({"text": text, "event": fields}).encode()

    def headers(self, event: DriftEventRecord, body: bytes, *, at: int) -> dict[str, str]:
        """Return the headers: a receiver repeats the signature over ``<timestamp>.<body>`` and compares.

        Args:
            event: What is sent.
            body: As it is sent.
            at: Seconds since 1970.
        """
        plain = {"Content-Type": "application/json", DELIVERY_HEADER: event.record_hash or ""}
        return (
            plain
            if self.secret is None
            else {**plain, TIMESTAMP_HEADER: str(at), SIGNATURE_HEADER: sign(self.secret, body, at)}
        )


def sign(secret: str, body: bytes, at: int) -> str:
    """Return ``v1=`` and the hexadecimal HMAC-SHA256 of ``<at>.<body>``."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256)
    return f"v1={digest.hexdigest()}"


def send(
    webhook: Webhook,
    event: DriftEventRecord,
    *,
    name: str,
    clock: Callable[[], datetime],
    sleeper: Callable[[float], None] = time.sleep,
) -> bool:
    """Send an event, repeated while the receiver is unreachable or busy; return whether it was taken."""
    import httpx
    import tenacity

    def passing(error: BaseException) -> bool:
        if isinstance(error, httpx.HTTPStatusError):
            return error.response.status_code == 429 or error.response.status_code >= 500
        return isinstance(error, httpx.TransportError)

    body = webhook.body(event, name)
    headers = webhook.headers(event, body, at=int(clock().timestamp()))
    retrying = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(TRIES),
        wait=tenacity.wait_exponential(multiplier=0.5, max=8.0),
        retry=tenacity.retry_if_exception(passing),
        sleep=sleeper,
        reraise=True,
    )
    try:
        for attempt in retrying:
            with attempt:
                httpx.post(webhook.url, content=body, headers=headers, timeout=TIMEOUT_S).raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        # Neither address nor answer: both may hold what is not for a log.
        _log.warning("A drift event of %s could not be sent: %s.", event.persona, type(error).__name__)
        return False
    return True


class Outbox:
    """Which events of a persona have been sent; kept beside what the monitor knows."""

    def __init__(self, log_dir: Path, persona: str) -> None:
        self._path = log_dir / MONITOR_FOLDER / persona / "sent.json"

    def waiting(self, events: Iterable[DriftEventRecord], *, now: datetime) -> list[DriftEventRecord]:
        """Return those that are recent and were not sent."""
        sent = self._sent()
        return [e for e in events if e.record_hash not in sent and now - e.timestamp <= OLDEST]

    def note(self, event: DriftEventRecord) -> None:
        """Note that an event was sent."""
        write_atomic(self._path, json.dumps([*self._sent(), event.record_hash]).encode())

    def _sent(self) -> list[str | None]:
        try:
            known: list[str | None] = json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            return []
        return known


class DriftSentinel:
    """Judges timelines and sends events in a thread of its own, which ends with the process.

    Args:
        watches: The monitors to ask, with the folder of their timelines.
        webhook: Where to send; ``None`` only keeps the monitors' states up to date.
        clock: Current time.
        sleeper: Waits between tries.
        name_of: What to call a persona.
    """

    def __init__(
        self,
        watches: Mapping[Path, DriftWatch],
        webhook: Webhook | None,
        *,
        clock: Callable[[], datetime],
        sleeper: Callable[[float], None] = time.sleep,
        name_of: Callable[[str], str] = str,
    ) -> None:
        self._name_of = name_of
        self._watches, self._webhook, self._clock, self._sleeper = dict(watches), webhook, clock, sleeper
        self._queue: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def notice(self, persona: str) -> None:
        """Ask for a look at a persona's timelines; returns at once."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=THREAD, daemon=True)
                self._thread.start()
                atexit.register(self.close)
        self._queue.put(persona)

    def close(self, timeout_s: float = LEAVING_S) -> None:
        """Let what is under way come to an end, for at most so long."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            self._queue.put(None)
            thread.join(timeout_s)
            atexit.unregister(self.close)

    def notice_once(self, persona: str) -> None:
        """Ask for a single look at a persona's timelines; returns at once, and the thread ends after it."""
        self.notice(persona)
        self.close(timeout_s=0)

    def look(self, persona: str) -> int:
        """Judge what is new of a persona and send what was found; return how many events were sent."""
        sent = 0
        for log_dir, watch in self._watches.items():
            judge(watch, persona)
            if self._webhook is None:
                continue
            outbox = Outbox(log_dir, persona)
            for event in outbox.waiting(watch.events(persona).read().records, now=self._clock()):
                if send(self._webhook, event, name=self._name_of(persona), clock=self._clock, sleeper=self._sleeper):
                    outbox.note(event)
                    sent += 1
        return sent

    def _work(self) -> None:
        while (persona := self._queue.get()) is not None:
            try:
                self.look(persona)
            except (PersonalabError, OSError) as error:
                # The records are safe; the next look begins where this one stopped.
                _log.warning("The timeline of %s could not be judged: %s", persona, error)


def sentinel_of(config: Config, *, clock: Callable[[], datetime]) -> DriftSentinel:
    """Return the sentinel of a workspace: its timelines and those of its canaries."""
    names = PersonaStore(config.paths.personas)
    return DriftSentinel(watches_of(config, clock=clock), Webhook.of(config), clock=clock, name_of=names.name_of)


def watches_of(config: Config, *, clock: Callable[[], datetime]) -> dict[Path, DriftWatch]:
    """Return the monitors of a workspace by their folder: that of the pictures, then that of the canaries."""
    log_dir, output = config.evaluation.drift.log_dir, config.paths.output
    folders = [(log_dir, output), (log_dir / CANARY_FOLDER, output / CANARY_FOLDER)]
    return {Path(log): DriftWatch(log, out, clock=clock) for log, out in folders}
