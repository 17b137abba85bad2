"""What a measurement that could not be carried out comes to: *not measured*, and why.

The rule is the same for every driver and stands here: an error of our own tree is for the caller to
mend and goes on; anything else that an evaluator raises is a fault of measuring this one file, costs no
more than this file's number, and ends no job. The exception's class is told, its text is for the log only.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from personalab_core.errors import PersonalabError
from personalab_core.schemas import CandidateResult, EvaluationResult, EvaluatorInfo, MeasurementStatus

T = TypeVar("T")

_log = logging.getLogger(__name__)


def measured_or_why_not(
    measure: Callable[[], T],
    *,
    anchor_path: str | Path,
    paths: Sequence[str | Path],
    evaluator: EvaluatorInfo,
) -> T | EvaluationResult:
    """Return what ``measure`` gives, or a result that says why these files are not measured.

    Raises:
        PersonalabError: What the caller must mend, such as an anchor that cannot be used.
    """
    try:
        return measure()
    except PersonalabError:
        raise
    except Exception as error:  # noqa: BLE001 - an evaluator may be anybody's; the log has the traceback
        _log.error("Measuring failed", exc_info=error)
        reason = f"the evaluator failed on this file ({type(error).__name__})"
        return not_measured(anchor_path, paths, evaluator, reason)


def not_measured(
    anchor_path: str | Path, paths: Sequence[str | Path], evaluator: EvaluatorInfo, reason: str
) -> EvaluationResult:
    """Return the result of a measurement that could not be carried out, and why."""
    candidates = tuple(
        CandidateResult(path=str(path), status=MeasurementStatus.NOT_MEASURED, reason=reason) for path in paths
    )
    return EvaluationResult(anchor_path=str(anchor_path), evaluator=evaluator, candidates=candidates)
