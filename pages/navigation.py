"""The frame around every page: stylesheet, logo, navigation. This is the script that Streamlit runs.

It lies in this folder, not beside it: Streamlit takes a folder named "pages" beside the script for the
pages themselves and would, until the first run, serve them bare to whoever opens their address.
"""

from __future__ import annotations

import streamlit as st

from pages.components import access, clicks, frame, reading

frame.show()
if not frame.run(access.gate):
    st.stop()
page = st.navigation(
    [
        st.Page("overview.py", title="Overview", default=True),
        st.Page("personas.py", title="Personas"),
        st.Page("anchors.py", title="Anchors"),
        st.Page("plan.py", title="Plan"),
        st.Page("prompts.py", title="Prompts"),
        st.Page("generate.py", title="Generate"),
        st.Page("attempts.py", title="Attempts"),
        st.Page("drift.py", title="Drift"),
        st.Page("video.py", title="Video"),
        st.Page("export.py", title="Export"),
        st.Page("evaluate.py", title="Evaluate"),
        st.Page("system.py", title="System"),
    ],
    position="top",
)
frame.run(reading.after_reading(page.run))
clicks.forget()
access.show_person()
