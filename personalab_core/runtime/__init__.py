"""Carry out many jobs under control: runners, limits per provider, a pool that measures.

Good means: whichever runner carries out a job, the decisions are the same, because all
of them drive the same attempt loop; and no provider gets more calls than it allows.
"""

from personalab_core.runtime.concurrency import ProviderSemaphore, RateLimiter
from personalab_core.runtime.eval_pool import EvaluationPool
from personalab_core.runtime.in_process_pool import InProcessPool
from personalab_core.runtime.job import JobResult, JobSpec, compute_config_hash
from personalab_core.runtime.ray_runner import RayRunner
from personalab_core.runtime.retry_policy import RetryPolicy
from personalab_core.runtime.runner import AsyncRunner, JobDone, Runner, SyncRunner

__all__ = [
    "AsyncRunner",
    "EvaluationPool",
    "InProcessPool",
    "JobDone",
    "JobResult",
    "JobSpec",
    "ProviderSemaphore",
    "RateLimiter",
    "RayRunner",
    "RetryPolicy",
    "Runner",
    "SyncRunner",
    "compute_config_hash",
]
