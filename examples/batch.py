"""Many pictures at the same time, with progress: provider calls in one event loop, measurements in processes.

    python examples/batch.py [WORKSPACE] [--jobs 8] [--profile default] [--cluster ADDRESS]

Uses the workspace of ``quickstart.py`` (same folder, same persona) and makes persona and
anchor first if they are not there. Run it twice: what is done is not made, and not paid, again.
The profile is ``simulated`` unless another is asked for: no key, no network, no cost.
``--cluster`` carries the same jobs out on a Ray cluster (``local`` starts one on this machine).
"""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from personalab_core import (
    DriftTracker,
    GenerationMetricsLogger,
    IdentityPolicy,
    ImageGenerator,
    ImagePrompt,
    create_client,
    load_config,
    select_anchor,
)
from personalab_core.errors import AnchorMissingError
from personalab_core.identity.anchors import require_anchor
from personalab_core.prompts import load_anchor_templates
from personalab_core.runtime import (
    AsyncRunner,
    EvaluationPool,
    JobDone,
    JobResult,
    JobSpec,
    ProviderSemaphore,
    RateLimiter,
    RayRunner,
    RetryPolicy,
    compute_config_hash,
)

PLACES = ("a small cafe", "a market street", "a park in autumn", "a bookshop", "a harbour", "a library")


def make_anchor_unless_there(generator: ImageGenerator) -> None:
    """Give the persona a face, as the quickstart does."""
    config = load_config()
    try:
        require_anchor(config.paths["references"], "daniperez")
    except AnchorMissingError:
        generator.generate_reference_anchors(
            persona_name="daniperez",
            character_prompt=load_anchor_templates(config),
            physical_description={"age_range": "23", "hair": {"base_color": "dark brown"}},
            frontal_candidates_k=2,
        )
        select_anchor("daniperez", config.paths["references"])


def make_jobs(n: int) -> list[JobSpec]:
    """Return jobs with stable ids, so that a second run takes up where the first one ended."""
    jobs = []
    for number in range(n):
        prompt = ImagePrompt(
            subject_description="a woman of 23 with dark brown hair",
            location_details=PLACES[number % len(PLACES)],
            framing="half_body" if number % 2 else "headshot",
        )
        jobs.append(
            JobSpec(
                job_id=f"batch-{number:03d}",
                seed=42 + number,
                config_hash=compute_config_hash(prompt),
                persona="daniperez",
                prompt=prompt,
            )
        )
    return jobs


def run_here(jobs: list[JobSpec], on_done: Callable[[JobDone], None]) -> list[JobResult]:
    """Return what came of the jobs, carried out on this machine."""
    config = load_config()
    client = create_client(config)
    generator = ImageGenerator(
        client=client,
        model_name=config.model_name("image"),
        aspect_ratio=config.generation.image.aspect_ratio,
        references_root=config.paths.references,
    )
    make_anchor_unless_there(generator)
    with EvaluationPool(config.runtime.eval_pool_workers, eval_cfg=config.evaluation) as pool:
        runner = AsyncRunner(
            client=client,
            image_generator=generator,
            policy=IdentityPolicy.from_config(config.evaluation),
            retry_policy=RetryPolicy.from_config(config.runtime.retry),
            eval_pool=pool,
            provider_semaphore=ProviderSemaphore(config.runtime.provider_limits),
            rate_limiter=RateLimiter(config.runtime.rate_limits),
            drift_tracker=DriftTracker(config.evaluation.drift.log_dir),
            metrics_logger=GenerationMetricsLogger(config.paths.output),
            output_dir=config.paths.output,
            references_root=config.paths.references,
            max_concurrent_jobs=config.runtime.max_concurrent_jobs,
        )
        return runner.run(jobs, on_done=on_done)


def run_on_cluster(jobs: list[JobSpec], address: str, on_done: Callable[[JobDone], None]) -> list[JobResult]:
    """Return what came of the jobs, carried out by the workers of a Ray cluster."""
    with RayRunner(load_config(), address=None if address == "local" else address) as runner:
        return runner.run(jobs, on_done=on_done)


def show(done: JobDone) -> None:
    """Print one line for a job that has just ended."""
    score = "no score" if done.result.final_score is None else f"score {done.result.final_score:.2f}"
    print(f"{done.n_done:3d}/{done.n_jobs} {done.result.job_id}: {done.result.outcome}, {score}", flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Run the batch and say what came of it; 0 if every picture was accepted, 1 if not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workspace", nargs="?", type=Path, default=Path("workspace"), help="folder for all files")
    parser.add_argument("--jobs", type=int, default=8, help="how many pictures")
    parser.add_argument("--profile", choices=("simulated", "default"), default="simulated")
    parser.add_argument("--cluster", metavar="ADDRESS", help="a Ray cluster: host:port, auto, or local")
    options = parser.parse_args(arguments)
    options.workspace.mkdir(parents=True, exist_ok=True)
    if options.profile == "simulated":
        print("Profile simulated: drawn portraits of nobody, free of charge.")
    os.environ["PERSONALAB_PROFILE"] = options.profile  # for every load_config() in this process
    jobs = make_jobs(options.jobs)
    with contextlib.chdir(options.workspace):
        results = run_on_cluster(jobs, options.cluster, show) if options.cluster else run_here(jobs, show)
    n_accepted = sum(result.accepted for result in results)
    print(f"{n_accepted} of {len(results)} accepted, {sum(r.final_attempt for r in results)} attempts.")
    return 0 if n_accepted == len(results) else 1


if __name__ == "__main__":
    raise SystemExit(main())
