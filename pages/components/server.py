"""The server's side of the dashboard: pictures, font, safety headers, start-up."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import streamlit as st
from starlette.datastructures import MutableHeaders
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pages.components import loaders
from personalab_core.errors import PersonalabError
from personalab_core.views.pictures import MEDIA_TYPES, find_picture

_FONTS = Path(__file__).resolve().parent.parent / "static" / "fonts"
_FOR_EVER = {"Cache-Control": "private, max-age=31536000, immutable"}


def _served(*, verify: bool) -> Callable[[Request], Response]:
    """Return a handler for pictures; Starlette runs it in a thread, so hashing blocks nobody."""

    def handler(request: Request) -> Response:
        try:
            rooms = loaders.workspace().rooms
        except PersonalabError:
            return Response(status_code=404)
        names = request.path_params
        file = find_picture(rooms, names["room"], names["digest"], names["path"], verify=verify)
        if file is None:
            return Response(status_code=404)
        return FileResponse(file, media_type=MEDIA_TYPES[file.suffix.lower()], headers=_FOR_EVER)

    return handler


def _font(request: Request) -> Response:
    """Return one of the shipped fonts; the name is compared, never joined to a path."""
    file = next((f for f in _FONTS.glob("*.woff2") if f.name == request.path_params["name"]), None)
    return FileResponse(file, media_type="font/woff2", headers=_FOR_EVER) if file else Response(status_code=404)


def routes() -> list[BaseRoute]:
    """Return the app's own addresses; everything else is Streamlit's."""
    return [
        Route("/pictures/{room}/{digest}/{path:path}", _served(verify=True)),
        Route("/thumbnails/{room}/{digest}/{path:path}", _served(verify=False)),
        Route("/assets/fonts/{name}", _font),
    ]


class TrustedHosts(TrustedHostMiddleware):
    """Refuses a Host header that is not in ``server.allowedHosts``; Streamlit itself checks only its websocket."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(app, allowed_hosts=list(st.get_option("server.allowedHosts") or ["*"]), www_redirect=False)


class SafetyHeaders:
    """Plain ASGI middleware: Starlette's base class would buffer the answers and stand before the websocket."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and add the headers to what comes back."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("X-Content-Type-Options", "nosniff")
                headers.setdefault("X-Frame-Options", "DENY")
                headers.setdefault("Referrer-Policy", "same-origin")
                headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
            await send(message)

        await self.app(scope, receive, with_headers)


@asynccontextmanager
async def lifespan(_app: st.App) -> AsyncIterator[dict[str, object]]:
    """At start, mark runs whose worker is gone as lost, so that no page shows a run that nobody works on."""
    # The pages say what is wrong with a workspace; a server that does not start could not.
    with suppress(PersonalabError):
        loaders.workspace().jobs.reconcile()
    yield {}
