"""Plan: what will this persona post, and what is made of it?"""

from __future__ import annotations

import streamlit as st

from pages.components import loaders, plan_page, snippets, state

space = loaders.workspace()
characters = {character.id: character for character in space.characters()}

if characters:
    plan_page.show(space, characters)
else:
    snippets.head("Plan", "No persona yet.", "A plan is made for one persona.", simulated=space.config.simulated)
    if st.button("Create the first persona", type="primary", key="plan.create"):
        state.go("personas", edit="new")
