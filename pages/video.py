"""Video: is it the same person in every moment?"""

from __future__ import annotations

from pages.components import loaders, video_page

video_page.show(loaders.workspace())
