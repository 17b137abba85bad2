"""Anchors: which picture is this person?"""

from __future__ import annotations

import streamlit as st

from pages.components import anchors_page, frame, loaders, notices, rows, state
from personalab_core.views.anchors import build_anchors_view

space = loaders.workspace()
characters = {character.id: character for character in space.characters()}

if not characters:
    rows.first_persona(
        "anchors", "It begins with a name and a look in words.", simulated=space.config.simulates("image")
    )
else:
    persona = state.current_persona(characters)
    jobs = [job for job in space.jobs.list(persona=persona) if job.kind == "generate_anchors"]
    busy = any(job.active for job in jobs)

    @frame.fragment(every_s=rows.LIVE_EVERY_S if busy else None)
    def page() -> None:
        """Show everything; follows the making of candidates while it goes on."""
        now = [job for job in space.jobs.list(persona=persona) if job.kind == "generate_anchors"]
        if any(job.active for job in now) != busy:
            st.rerun()  # starts or stops the timer
        history = space.history(characters[persona])
        view = build_anchors_view(history, now=loaders.now(), zone=loaders.zone())
        anchors_page.show(space, history, view, now[:1], names={i: c.name for i, c in characters.items()})
        notices.show_problems(view.problems)

    page()
