"""Every page of the dashboard over the typical workspace, by address."""

from __future__ import annotations

EVERY_PAGE: tuple[str, ...] = (
    "/",
    "/personas",
    "/anchors?persona=ines",
    "/anchors?persona=noor",
    "/plan?persona=ines",
    "/prompts?persona=ines",
    "/generate?persona=ines",
    "/attempts",
    "/attempts?attempt=ines-0003-1",
    "/drift?persona=ines",
    "/export?persona=ines",
    "/evaluate",
    "/video?persona=ines",
    "/system",
)
