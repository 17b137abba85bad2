"""Generate: is the run getting there, and what does it cost?"""

from __future__ import annotations

import streamlit as st

from pages.components import loaders, notices, run_form, run_page, snippets, state
from personalab_core.views.runs import page_run

space = loaders.workspace()
characters = {character.id: character for character in space.characters()}

if not characters:
    snippets.head("Generate", "No persona yet.", "The overview makes the first ones.", simulated=space.config.simulated)
    if st.button("Open the overview", type="primary", key="generate.overview"):
        state.go("overview")
else:
    persona = state.current_persona(characters)
    job = page_run(space.jobs.list(persona=persona), wanted=state.address(state.RUN))
    if job:
        run_page.show(space, characters[persona], job)
    else:
        run_form.show(space, characters)
    notices.show_problems(space.history(characters[persona]).problems)
