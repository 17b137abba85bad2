"""Prompts: what is asked for, from which file, and what do the retry patches do?"""

from __future__ import annotations

from pages.components import loaders, prompts_page

prompts_page.show(loaders.workspace())
