"""The frame around every page: stylesheet, logo, navigation."""

from __future__ import annotations

import streamlit as st

from pages.components import frame

frame.show()
page = st.navigation(
    [
        st.Page("pages/overview.py", title="Overview", default=True),
        st.Page("pages/anchors.py", title="Anchors"),
        st.Page("pages/generate.py", title="Generate"),
        st.Page("pages/attempts.py", title="Attempts"),
        st.Page("pages/drift.py", title="Drift"),
    ],
    position="top",
)
frame.run(page.run)
