"""Export: what may leave, marked how, and what left before?"""

from __future__ import annotations

import streamlit as st

from pages.components import export_page, loaders, snippets, state

space = loaders.workspace()
characters = {character.id: character for character in space.characters()}

if characters:
    export_page.show(space, characters)
else:
    snippets.head(
        "Export", "No persona yet.", "Accepted pictures leave from here.", simulated=space.config.simulates("image")
    )
    if st.button("Create the first persona", type="primary", key="export.create"):
        state.go("personas", edit="new")
    export_page.show_check()
