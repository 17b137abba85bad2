"""One HTTP endpoint, spoken to as its recipe in the configuration says (:mod:`personalab_core.llm.http_recipe`).

Every call has connections of its own, so that nothing is bound to an event loop. Headers go to the
endpoint itself only: a file that lies elsewhere is fetched without them.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import httpx

from personalab_core.errors import MissingKeyError, OutputLostError, ProviderServerError
from personalab_core.llm.client import ImagePart
from personalab_core.llm.connections import tls_context
from personalab_core.llm.http_recipe import PROVIDER, Recipe, Request, filled, filled_path, found
from personalab_core.llm.outputs import Outputs
from personalab_core.llm.polling import Patience
from personalab_core.llm.vendor_errors import Vendor, status_failure, transport_failure

VENDOR = Vendor(PROVIDER, ())
_FILE_PATIENCE_S = 60.0
"""How long a picture's file is asked for while its host fails."""

Secret = Callable[..., "str | None"]
"""Returns the value of the first variable that is set, as ``Config.secret`` does."""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer below 300: its bytes, and their JSON if they are JSON."""

    content: bytes
    data: Any


class Endpoint:
    """Sends requests to one endpoint as its recipe says.

    Args:
        recipe: How it is spoken to.
        secret: Where the variables that its headers name come from.
        patience: How a job is waited for; as the recipe says if ``None``.
        outputs: How pictures are fetched and checked.
    """

    def __init__(
        self, recipe: Recipe, *, secret: Secret, patience: Patience | None = None, outputs: Outputs | None = None
    ) -> None:
        job = recipe.job
        self.recipe = recipe
        self.outputs = outputs or Outputs(PROVIDER)
        self.patience = patience or (
            Patience(interval_s=job.interval_s, timeout_s=job.timeout_s)
            if job
            else Patience(interval_s=1.0, timeout_s=_FILE_PATIENCE_S)
        )
        self._secret = secret

    def headers(self) -> dict[str, str]:
        """Return the headers with their variables filled in.

        Raises:
            MissingKeyError: A variable is not set; names it.
        """
        values = {}
        for name in self.recipe.variables():
            value = self._secret(name)
            if value is None:
                raise MissingKeyError(
                    f"The provider {PROVIDER!r} needs the variable {name}, which its headers name: "
                    "set it in the environment or in .env."
                )
            values[f"env.{name}"] = value
        return {name: str(filled(text, values)) for name, text in self.recipe.headers.items()}

    async def send(self, request: Request, values: Mapping[str, Any], pictures: Sequence[ImagePart]) -> Answered:
        """Return the answer to a request, pictures sent ahead if the endpoint wants that.

        Raises:
            LLMError: It failed.
        """
        headers = self.headers()
        async with self._client(headers) as client:
            if self.recipe.upload is not None and pictures:
                names = [await self._upload(client, picture) for picture in pictures]
                values = {**values, "reference_name": names[0], "reference_names": names}
            url = self._address(filled_path(request.path, values))
            body = filled(request.body, values)
            if request.picture_field:
                form = {name: v if isinstance(v, str) else json.dumps(v) for name, v in (body or {}).items()}
                files = [(request.picture_field, _file(picture)) for picture in pictures]
                return await self._exchange(client, request.method, url, data=form, files=files)
            return await self._exchange(client, request.method, url, json=body)

    async def look(self, job_id: str) -> Any | None:
        """Return a job's decoded result; ``None`` while it runs."""
        job = self.recipe.job
        assert job is not None  # noqa: S101  # only clients of endpoints with jobs look
        url = self._address(filled_path(job.path, {"job": job_id}))
        async with self._client(self.headers()) as client:
            answered = await self._exchange(client, "GET", url)
        if answered.data is None:
            raise VENDOR.failure(OutputLostError)
        return answered.data if found(job.done, answered.data) else None

    async def picture(self, item: Any, job_id: str) -> bytes:
        """Return one picture of an answer.

        Raises:
            OutputLostError: It is gone or not a picture.
            ProviderServerError: It could not be fetched for now.
        """
        answer = self.recipe.answer
        if answer.file is not None:
            members = {f"item.{name}": value for name, value in item.items()} if isinstance(item, Mapping) else {}
            try:
                path = filled_path(answer.file, {"item": item, "job": job_id, **members})
            except KeyError:
                raise VENDOR.failure(OutputLostError) from None
            return await self._checked(await self.outputs.fetch_async(self._address(path), headers=self.headers()))
        if not isinstance(item, str):
            raise VENDOR.failure(OutputLostError)
        if answer.pictures_as == "url" and not item.startswith("data:"):
            return await self._checked(await self.outputs.fetch_async(urljoin(f"{self._base}/", item)))
        return await self._checked(_decoded(item))

    async def _checked(self, data: bytes) -> bytes:
        return await asyncio.to_thread(self.outputs.picture, data)

    @property
    def _base(self) -> str:
        return self.recipe.base_url.rstrip("/")

    def _address(self, path: str) -> str:
        return f"{self._base}{path}"

    def _client(self, headers: Mapping[str, str]) -> httpx.AsyncClient:
        return httpx.AsyncClient(headers=dict(headers), timeout=self.recipe.timeout_s, verify=tls_context())

    async def _upload(self, client: httpx.AsyncClient, picture: ImagePart) -> str:
        upload = self.recipe.upload
        assert upload is not None  # noqa: S101  # asked before
        url = self._address(upload.path)
        answered = await self._exchange(
            client, "POST", url, data=upload.form, files=[(upload.field, _file(picture))], is_free=True
        )
        name = found(upload.name, answered.data)
        if not isinstance(name, str) or not name:
            raise VENDOR.failure(ProviderServerError, advice="a reference picture was taken without a name for it")
        return name

    async def _exchange(
        self, client: httpx.AsyncClient, method: str, url: str, *, is_free: bool = False, **content: Any
    ) -> Answered:
        try:
            async with client.stream(method, url, **content) as answer:
                raw = await self._read(answer)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            failure = transport_failure(VENDOR, error) or VENDOR.failure(OutputLostError)
            if is_free:  # nothing that costs was asked yet, so it may be repeated
                failure = VENDOR.failure(ProviderServerError, advice="a reference picture could not be sent")
            raise failure from None
        data = _json_or_none(raw)
        if answer.status_code >= 300:
            raise status_failure(VENDOR, answer.status_code, headers=answer.headers, body=data)
        return Answered(raw, data)

    async def _read(self, answer: httpx.Response) -> bytes:
        data = bytearray()
        async for chunk in answer.aiter_bytes():
            data += chunk
            if len(data) > self.outputs.max_bytes:
                raise VENDOR.failure(OutputLostError, advice="the answer is larger than allowed")
        return bytes(data)


def _file(picture: ImagePart) -> tuple[str, bytes, str]:
    """Return a file of a form; its name tells the content, so that two pictures never take each other's place."""
    ending = picture.mime_type.partition("/")[2] or "png"
    return f"{hashlib.sha256(picture.data).hexdigest()[:16]}.{ending}", picture.data, picture.mime_type


def _decoded(text: str) -> bytes:
    encoded = text.partition(",")[2] if text.startswith("data:") else text
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise VENDOR.failure(OutputLostError) from None


def _json_or_none(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return None
