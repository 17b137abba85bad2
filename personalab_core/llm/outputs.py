"""Fetch what a provider made from the file host it names, and see that it is what it claims.

The client that fetches carries no credentials: the file host is not the provider, and
some SDKs would hand it the key. Size and time are limited, and what does not decode as
a picture or a video is an error here, not somewhere downstream.
"""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from personalab_core.errors import LLMError, OutputLostError, ProviderServerError
from personalab_core.llm.connections import tls_context

if TYPE_CHECKING:
    import httpx

_CHUNK = 1 << 16


def is_picture(data: bytes) -> bool:
    """Return whether the bytes decode as a PNG, JPEG or WebP picture."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP")) as picture:
            picture.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return False
    return True


def is_video(data: bytes) -> bool:
    """Return whether the bytes are a video whose first frame decodes."""
    import cv2

    with tempfile.TemporaryDirectory(prefix="personalab-") as folder:
        path = Path(folder) / "output.mp4"
        path.write_bytes(data)
        capture = cv2.VideoCapture(str(path))
        try:
            return bool(capture.isOpened() and capture.read()[0])
        finally:
            capture.release()


@dataclass(frozen=True, slots=True)
class Outputs:
    """Fetches and checks the files of one provider.

    Attributes:
        provider: Whose files they are, for messages.
        max_bytes: Largest file taken.
        timeout_s: Time limit of one file in seconds.
        clock: Seconds that never run backwards.
    """

    provider: str
    max_bytes: int = 512 * 1024 * 1024
    timeout_s: float = 300.0
    clock: Callable[[], float] = time.monotonic

    def picture(self, data: bytes) -> bytes:
        """Return ``data`` unchanged.

        Raises:
            OutputLostError: It does not decode as a picture.
        """
        if not is_picture(data):
            raise self._lost("what came is not a picture that can be decoded")
        return data

    def video(self, data: bytes) -> bytes:
        """Return ``data`` unchanged.

        Raises:
            OutputLostError: It does not decode as a video.
        """
        if not is_video(data):
            raise self._lost("what came is not a video that can be decoded")
        return data

    def fetch(self, url: str, *, headers: Mapping[str, str] | None = None) -> bytes:
        """Return the file behind ``url``.

        Args:
            url: Where it lies.
            headers: Only for a file on the provider's own server: what shows the key. Redirects
                are then not followed, since they could lead it elsewhere.

        Raises:
            ProviderServerError: The file host failed for now.
            OutputLostError: The file is gone or too large, or the address is not one of the web.
        """
        import httpx

        self._check_address(url)
        deadline = self.clock() + self.timeout_s
        with (
            self._transport_errors(),
            httpx.Client(timeout=self.timeout_s, follow_redirects=not headers, verify=tls_context()) as client,
            client.stream("GET", url, headers=headers) as answer,
        ):
            self._check_status(answer)
            data = bytearray()
            for chunk in answer.iter_bytes(_CHUNK):
                self._add(data, chunk, deadline)
            return bytes(data)

    async def fetch_async(self, url: str, *, headers: Mapping[str, str] | None = None) -> bytes:
        """:meth:`fetch` without blocking the event loop."""
        import httpx

        self._check_address(url)
        deadline = self.clock() + self.timeout_s
        with self._transport_errors():
            async with (
                httpx.AsyncClient(timeout=self.timeout_s, follow_redirects=not headers, verify=tls_context()) as client,
                client.stream("GET", url, headers=headers) as answer,
            ):
                self._check_status(answer)
                data = bytearray()
                async for chunk in answer.aiter_bytes(_CHUNK):
                    self._add(data, chunk, deadline)
                return bytes(data)

    def _add(self, data: bytearray, chunk: bytes, deadline: float) -> None:
        data += chunk
        if len(data) > self.max_bytes:
            raise self._lost(f"the file is larger than {self.max_bytes} bytes")
        if self.clock() > deadline:
            raise self._lost(f"the file did not arrive within {self.timeout_s:g} s")

    def _check_address(self, url: str) -> None:
        if urlsplit(url).scheme not in {"http", "https"}:
            raise self._lost("the file's address is not one of the web")

    def _check_status(self, answer: httpx.Response) -> None:
        if answer.status_code >= 500 or answer.status_code == 429:
            raise ProviderServerError("the file host failed", provider=self.provider, status_code=answer.status_code)
        if answer.status_code >= 300:
            raise self._lost("the file is gone", status_code=answer.status_code)

    @contextmanager
    def _transport_errors(self) -> Iterator[None]:
        import httpx

        try:
            yield
        except (httpx.TransportError, httpx.InvalidURL, httpx.TooManyRedirects):
            # Without the cause: its text holds the address, which is signed and so a secret.
            raise ProviderServerError("the file host could not be reached", provider=self.provider) from None

    def _lost(self, why: str, *, status_code: int | None = None) -> LLMError:
        return OutputLostError(
            f"{why}; the work was done and may be charged", provider=self.provider, status_code=status_code
        )
