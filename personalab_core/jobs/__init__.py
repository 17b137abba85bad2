"""Durable jobs: a row in a database is the truth, a detached process does the work.

Good means: nobody's page, tab or server owns a job; a killed worker is noticed and
its job resumes where it stopped; parameters are typed and never on a command line.
"""

from personalab_core.jobs.job import Job, JobState
from personalab_core.jobs.params import (
    BatchItem,
    BatchParams,
    DemoHistoryParams,
    EvaluatePicturesParams,
    EvaluateVideoParams,
    ExportParams,
    GenerateAnchorsParams,
    GenerateImagesParams,
    JobKind,
    JobParams,
    NewPlanParams,
    WorkspaceRef,
)
from personalab_core.jobs.store import JobStore

__all__ = [
    "BatchItem",
    "BatchParams",
    "DemoHistoryParams",
    "EvaluatePicturesParams",
    "EvaluateVideoParams",
    "ExportParams",
    "GenerateAnchorsParams",
    "GenerateImagesParams",
    "Job",
    "JobKind",
    "JobParams",
    "JobState",
    "JobStore",
    "NewPlanParams",
    "WorkspaceRef",
]
