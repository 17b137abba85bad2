"""Personas: who are they, and what prompt comes out?"""

from __future__ import annotations

from pages.components import loaders, persona_form, personas_page, state

space = loaders.workspace()
wanted = state.address(personas_page.EDIT)

if wanted:
    persona_form.show(space, wanted, state.address(personas_page.COPY_OF))
else:
    personas_page.show(space)
