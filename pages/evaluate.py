"""Evaluate: are these pictures from elsewhere the same person?"""

from __future__ import annotations

import streamlit as st

from pages.components import clicks, evaluate_form, evaluate_page, loaders, snippets, state
from personalab_core.views.evaluate import find_evaluation

space = loaders.workspace()
wanted = state.address(evaluate_form.EVALUATION)
found = find_evaluation(space.config, wanted) if wanted else None

if found:
    evaluate_page.show(space, found)
elif wanted:
    snippets.head("Evaluate", "This evaluation is not here.", "It may belong to another workspace.", simulated=False)
    if clicks.button("New evaluation", key="evaluate.new"):
        st.query_params.clear()
        st.rerun()
else:
    evaluate_form.show(space)
