"""An evaluator of your own: here one that compares with several anchors and counts the mean.

    python examples/own_evaluator.py [WORKSPACE]

Anything with ``info`` and ``evaluate(anchor_path, candidate_paths)`` can measure. This one asks the bundled
evaluator about the anchor and the first two candidates of ``quickstart.py``'s workspace. Its name is
its own, so that its scores never get into the timeline of another instrument.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from personalab_core import IdentityPolicy, build_evaluator, load_config
from personalab_core.identity import IdentityEvaluator
from personalab_core.identity.anchors import require_anchor
from personalab_core.schemas import CandidateResult, EvaluationResult, EvaluatorInfo


class SeveralAnchors:
    """Measures against every anchor and gives each picture the mean of its composite scores.

    A picture that one of the comparisons cannot measure is not measured, as there is no mean of what is missing.
    """

    def __init__(self, one: IdentityEvaluator, further_anchors: Sequence[Path]) -> None:
        self._one = one
        self._further = tuple(further_anchors)

    @property
    def info(self) -> EvaluatorInfo:
        """The instrument, under a name of its own; the models are those of the evaluator asked."""
        return self._one.info.model_copy(
            update={"name": f"mean of {1 + len(self._further)} anchors", "thresholds_source": "not calibrated"}
        )

    def evaluate(self, anchor_path: str | Path, candidate_paths: Sequence[str | Path]) -> EvaluationResult:
        """Return one result per candidate, in the order given."""
        results = [self._one.evaluate(anchor, candidate_paths) for anchor in (anchor_path, *self._further)]
        candidates = zip(*(result.candidates for result in results), strict=True)
        return results[0].model_copy(
            update={"evaluator": self.info, "candidates": tuple(self._mean(one) for one in candidates)}
        )

    def _mean(self, compared: Sequence[CandidateResult]) -> CandidateResult:
        scores = [one.composite_score for one in compared]
        measured = [score for score in scores if score is not None]
        first_unmeasured = next((one for one in compared if one.composite_score is None), None)
        return first_unmeasured or compared[0].model_copy(update={"composite_score": fmean(measured)})


def main(arguments: list[str] | None = None) -> int:
    """Measure all pictures of the quickstart's persona in two ways."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workspace", nargs="?", type=Path, default=Path("workspace"))
    config = load_config(profile="simulated", workspace=parser.parse_args(arguments).workspace)
    anchor = require_anchor(config.paths.references, "daniperez")
    further = sorted((anchor.parent / "candidates").glob("*.png"))[:2]
    pictures = sorted((config.paths.output / "daniperez" / "images").glob("*.png"))
    if not pictures:
        print("No picture yet. Run examples/quickstart.py in the same workspace first.")
        return 2
    single = build_evaluator(config.evaluation)
    policy = IdentityPolicy.for_evaluator(single.info, config.evaluation)
    for evaluator in (single, SeveralAnchors(single, further)):
        print(f"{evaluator.info.name}:")
        for candidate in evaluator.evaluate(anchor, pictures).candidates:
            print(f"  {Path(candidate.path).name}: {policy.decide(candidate).sentence}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
