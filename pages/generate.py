"""Generate: is the run getting there, and what does it cost?"""

from __future__ import annotations

from pages.components import loaders, notices, rows, run_form, run_page, state
from personalab_core.views.runs import page_run

space = loaders.workspace()
characters = {character.id: character for character in space.characters()}

if not characters:
    rows.first_persona(
        "generate", "It begins with a name and a look in words.", simulated=space.config.simulates("image")
    )
else:
    persona = state.current_persona(characters)
    job = page_run(space.jobs.list(persona=persona), wanted=state.address(state.RUN))
    if job:
        run_page.show(space, characters[persona], job)
    else:
        run_form.show(space, characters)
    notices.show_problems(space.history(characters[persona]).problems)
