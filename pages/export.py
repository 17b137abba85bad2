"""Export: what may leave, marked how, and what left before?"""

from __future__ import annotations

from pages.components import export_page, loaders, rows

space = loaders.workspace()
characters = {character.id: character for character in space.characters()}

if characters:
    export_page.show(space, characters)
else:
    rows.first_persona("export", "Accepted pictures leave from here.", simulated=space.config.simulates("image"))
    export_page.show_check()
