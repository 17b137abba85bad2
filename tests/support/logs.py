"""Everything that is logged, whoever logs it."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def everything_logged() -> Iterator[io.StringIO]:
    """Listen to the root logger at DEBUG, with every SDK's own logger turned up."""
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    loggers = [
        logging.getLogger(name) for name in ("", "openai", "runwayml", "replicate", "runware", "google_genai", "httpx")
    ]
    levels = [logger.level for logger in loggers]
    loggers[0].addHandler(handler)
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    try:
        yield log
    finally:
        loggers[0].removeHandler(handler)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
