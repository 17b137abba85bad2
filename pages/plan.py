"""Plan: what will this persona post, and what is made of it?"""

from __future__ import annotations

from pages.components import loaders, plan_page, rows

space = loaders.workspace()
characters = {character.id: character for character in space.characters()}

if characters:
    plan_page.show(space, characters)
else:
    rows.first_persona("plan", "A plan is made for one persona.", simulated=space.config.simulates("text"))
