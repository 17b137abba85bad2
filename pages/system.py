"""System: is everything in place, and what does it run on?"""

from __future__ import annotations

from pages.components import loaders, system_page

system_page.show(loaders.workspace())
