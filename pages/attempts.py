"""Attempts: what was tried, where did it fail? And one attempt: why was it decided so?"""

from __future__ import annotations

from pages.components import attempt_page, attempts_page, clicks, loaders, snippets, state
from personalab_core.views.attempt import find_attempt

space = loaders.workspace()
histories = space.histories()
wanted = state.address(state.ATTEMPT)
found = find_attempt(histories, wanted) if wanted else None

if found:
    attempt_page.show(space, *found)
elif wanted:
    snippets.head(
        "Attempts", "This attempt is not in the records.", "It may belong to another workspace.", simulated=False
    )
    if clicks.button("All attempts", key="attempts.back"):
        state.go("attempts", state.address(state.PERSONA))
else:
    attempts_page.show(histories, simulated=space.config.simulates("image"))
