"""Generate a picture of a persona: generate, evaluate, retry, log.

    python scripts/auto_generate_image.py daniperez

The same as ``personalab generate image PERSONA``, with a scenario if none is named; takes its options, too.
"""

from __future__ import annotations

import sys

from personalab_core.cli import app

DEFAULT_SCENARIO = "cafe_selfie"


def with_scenario(arguments: list[str]) -> list[str]:
    """Return the arguments, completed by a scenario unless they describe a scene."""
    described = any(
        argument.startswith(("--scenario", "--action", "--location", "-h", "--help")) for argument in arguments
    )
    return arguments if described else [*arguments, "--scenario", DEFAULT_SCENARIO]


if __name__ == "__main__":
    app(["generate", "image", *with_scenario(sys.argv[1:])], prog_name="personalab")
