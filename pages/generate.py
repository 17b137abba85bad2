"""Generate: is the run getting there, and what does it cost?"""

from __future__ import annotations

import streamlit as st

from pages.components import loaders, notices, run_form, run_page, snippets, state
from personalab_core.views.runs import page_run

space = loaders.workspace()
characters = {character.id: character for character in space.characters()}

if not characters:
    snippets.head(
        "Generate",
        "No persona yet.",
        "It begins with a name and a look in words.",
        simulated=space.config.simulates("image"),
    )
    if st.button("Create the first persona", type="primary", key="generate.create"):
        state.go("personas", edit="new")
else:
    persona = state.current_persona(characters)
    job = page_run(space.jobs.list(persona=persona), wanted=state.address(state.RUN))
    if job:
        run_page.show(space, characters[persona], job)
    else:
        run_form.show(space, characters)
    notices.show_problems(space.history(characters[persona]).problems)
