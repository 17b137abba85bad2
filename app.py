"""What ``streamlit run app.py`` gets: the pages, and beside them pictures, font and safety headers."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from pages.components.server import SafetyHeaders, TrustedHosts, lifespan, routes

app = st.App(
    Path(__file__).resolve().parent / "pages" / "navigation.py",
    lifespan=lifespan,
    routes=routes(),
    middleware=[Middleware(TrustedHosts), Middleware(SafetyHeaders)],
)

if __name__ == "__main__":
    app.run()
