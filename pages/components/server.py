"""The server's side of the dashboard: pictures, font, safety headers, start-up."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from threading import Thread

import streamlit as st
from starlette.datastructures import MutableHeaders
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pages.components import access, loaders
from personalab_core.errors import PersonalabError
from personalab_core.views.frames import VIDEO_TYPES, FrameShelf, find_video
from personalab_core.views.pictures import MEDIA_TYPES, find_picture

_FONTS = Path(__file__).resolve().parent.parent / "static" / "fonts"
_FOR_EVER = {"Cache-Control": "private, max-age=31536000, immutable"}
_INERT = {"Content-Security-Policy": "default-src 'none'; sandbox"}
"""A picture opened by itself can do nothing, whatever is in the file."""
_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",  # Streamlit's components and Plotly
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "media-src 'self' blob:",
        "connect-src 'self' ws: wss:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def _served(*, verify: bool) -> Callable[[Request], Response]:
    """Return a handler for pictures; Starlette runs it in a thread, so hashing blocks nobody."""

    def handler(request: Request) -> Response:
        try:
            person = access.asking(request)
            if person.role == "nobody":
                return Response(status_code=403)
            space = loaders.of(person)
            names = request.path_params
            if not space.records.knows_picture(names["digest"]):
                return Response(status_code=404)
            file = find_picture(space.rooms, names["room"], names["digest"], names["path"], verify=verify)
        except PersonalabError:
            return Response(status_code=404)
        if file is None:
            return Response(status_code=404)
        return FileResponse(file, media_type=MEDIA_TYPES[file.suffix.lower()], headers=_FOR_EVER | _INERT)

    return handler


_frames = FrameShelf()


def _video(request: Request) -> Response:
    """Return a video; a player may ask for any part of it."""
    file = _found_video(request)
    if file is None:
        return Response(status_code=404)
    return FileResponse(file, media_type=VIDEO_TYPES[file.suffix.lower()], headers=_FOR_EVER | _INERT)


def _frame(request: Request) -> Response:
    """Return one frame of a video as JPEG; ``more`` names the frames of which the page shows pictures, too."""
    file = _found_video(request)
    if file is None:
        return Response(status_code=404)
    more = [int(part) for part in request.query_params.get("more", "").split("-") if part.isdigit()]
    jpeg = _frames.frame(file, request.path_params["index"], more)
    if jpeg is None:
        return Response(status_code=404)
    return Response(jpeg, media_type="image/jpeg", headers=_FOR_EVER | _INERT)


def _found_video(request: Request) -> Path | None:
    try:
        person = access.asking(request)
        names = request.path_params
        if person.role == "nobody":
            return None
        return find_video(loaders.of(person).rooms, names["room"], names["digest"], names["path"])
    except PersonalabError:
        return None


def _font(request: Request) -> Response:
    """Return one of the shipped fonts; the name is compared, never joined to a path."""
    file = next((f for f in _FONTS.glob("*.woff2") if f.name == request.path_params["name"]), None)
    return FileResponse(file, media_type="font/woff2", headers=_FOR_EVER) if file else Response(status_code=404)


def routes() -> list[BaseRoute]:
    """Return the app's own addresses; everything else is Streamlit's."""
    return [
        Route("/pictures/{room}/{digest}/{path:path}", _served(verify=True)),
        Route("/thumbnails/{room}/{digest}/{path:path}", _served(verify=False)),
        Route("/videos/{room}/{digest}/{path:path}", _video),
        Route("/frames/{room}/{digest}/{index:int}/{path:path}", _frame),
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
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, with_headers)


@asynccontextmanager
async def lifespan(_app: st.App) -> AsyncIterator[dict[str, object]]:
    """Begin what the first visitor should not wait for."""
    Thread(target=_prepare, name="prepare", daemon=True).start()
    yield {}


def _prepare() -> None:
    """Mark runs whose worker is gone as lost, and bring the index up to date."""
    # The pages say what is wrong with a workspace; a server that does not start could not.
    with suppress(PersonalabError):
        space = loaders.of(access.LOCAL)
        space.jobs.reconcile()
        space.records.refresh([character.id for character in space.characters()])
