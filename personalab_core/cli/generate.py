"""``personalab generate``: make pictures until they show the persona, or say why not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from personalab_core.cli.context import (
    DONE,
    NOT_ACCEPTED,
    JsonOption,
    PersonaArgument,
    chosen,
    note_simulated,
    number,
    print_json,
    print_table,
    say,
)

if TYPE_CHECKING:
    from personalab_core.config import Config
    from personalab_core.jobs import BatchParams
    from personalab_core.runtime import JobResult
    from personalab_core.schemas import ImagePrompt, VideoPrompt

P = TypeVar("P", "ImagePrompt", "VideoPrompt")

app = typer.Typer(no_args_is_help=True, help="Generate pictures and videos of a persona.")


@app.callback()
def _group() -> None:
    """Generate pictures and videos of a persona."""


@app.command("image")
def image(
    context: typer.Context,
    *,
    persona: PersonaArgument,
    scenario: Annotated[str | None, typer.Option(help="Name of a scenario, such as cafe_selfie.")] = None,
    request: Annotated[
        str | None, typer.Option(help="Free scene in your own words instead, such as 'selfie in a cafe, smiling'.")
    ] = None,
    ask: Annotated[
        bool, typer.Option("--ask", help="Let the text provider structure --request, not the rules.")
    ] = False,
    action: Annotated[str | None, typer.Option(help="Free scene instead: what the person does.")] = None,
    location: Annotated[str, typer.Option(help="Free scene: where.")] = "",
    outfit: Annotated[str, typer.Option(help="Free scene: clothes.")] = "",
    expression: Annotated[str, typer.Option(help="Free scene: expression.")] = "",
    lighting: Annotated[str, typer.Option(help="Free scene: light.")] = "",
    framing: Annotated[str | None, typer.Option(help="Free scene: headshot, half_body or full_body.")] = None,
    n: Annotated[int, typer.Option("-n", "--number", min=1, max=1000, help="How many pictures.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Equal seeds give equal simulated pictures.")] = 0,
    max_attempts: Annotated[int | None, typer.Option(min=1, help="Attempts per picture.")] = None,
    accept_threshold: Annotated[float | None, typer.Option(min=0, max=1, help="Accept from this score.")] = None,
    background: Annotated[bool, typer.Option("--background", help="Run as a job and return at once.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Generate pictures, each tried again with a stronger prompt until it is accepted.

    Exit code 1 if a picture was not accepted.
    Example: personalab generate image daniperez --scenario cafe_selfie -n 3
    """
    from personalab_core.cli.run import run_job_here, submit

    overrides: dict[str, Any] = {
        "evaluation.retry.max_attempts": max_attempts,
        "evaluation.scoring.accept_threshold": accept_threshold,
    }
    overrides = {key: value for key, value in overrides.items() if value is not None}
    config = chosen(context).load(overrides)
    note_simulated(config)
    scene = {
        "action_details": action,
        "location_details": location,
        "outfit_details": outfit,
        "expression": expression,
        "lighting": lighting,
        "framing": framing,
    }
    given = {name: value for name, value in scene.items() if value}
    if request is not None:
        given = _structured(config, persona, request, video=False, ask=ask, scene=given, scenario=scenario)
    params = _params(context, persona=persona, scenario=scenario, scene=given, n=n, seed=seed, overrides=overrides)
    if background:
        submit(config, "generate_images", params, as_json=as_json)
        return
    from personalab_core.jobs.work import generate_images

    results = run_job_here(config, params, generate_images, quiet=as_json)
    if as_json:
        print_json([_document(result) for result in results])
    else:
        _print(results)
    raise typer.Exit(DONE if all(result.accepted for result in results) else NOT_ACCEPTED)


@app.command("video")
def video(
    context: typer.Context,
    *,
    persona: PersonaArgument,
    scenario: Annotated[str | None, typer.Option(help="Name of a video scenario, such as market_walk.")] = None,
    request: Annotated[
        str | None, typer.Option(help="Free scene in your own words instead, such as 'selfie in a cafe, smiling'.")
    ] = None,
    ask: Annotated[
        bool, typer.Option("--ask", help="Let the text provider structure --request, not the rules.")
    ] = False,
    action: Annotated[str | None, typer.Option(help="Free scene instead: what the person does.")] = None,
    location: Annotated[str, typer.Option(help="Free scene: where.")] = "",
    duration: Annotated[float | None, typer.Option(min=1, max=60, help="Free scene: seconds.")] = None,
    n: Annotated[int, typer.Option("-n", "--number", min=1, max=100, help="How many videos.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Equal seeds give equal simulated videos.")] = 0,
    max_attempts: Annotated[int | None, typer.Option(min=1, help="Attempts per video.")] = None,
    accept_threshold: Annotated[float | None, typer.Option(min=0, max=1, help="Accept from this mean score.")] = None,
    background: Annotated[bool, typer.Option("--background", help="Run as a job and return at once.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Generate videos, each tried again with a stronger prompt until every moment shows the persona.

    Exit code 1 if a video was not accepted.
    Example: personalab generate video daniperez --scenario market_walk
    """
    from personalab_core.cli.run import run_job_here, submit

    wanted = {
        "evaluation.retry.max_attempts": max_attempts,
        "evaluation.scoring.accept_threshold": accept_threshold,
    }
    overrides: dict[str, Any] = {key: value for key, value in wanted.items() if value is not None}
    config = chosen(context).load(overrides)
    note_simulated(config)
    scene = {"action_details": action, "location_details": location, "duration_s": duration}
    given = {name: value for name, value in scene.items() if value}
    if request is not None:
        given = _structured(config, persona, request, video=True, ask=ask, scene=given, scenario=scenario)
    params = _video_params(context, persona, scenario=scenario, scene=given, n=n, seed=seed, overrides=overrides)
    if background:
        submit(config, "batch", params, as_json=as_json)
        return
    from personalab_core.jobs.work import run_batch

    results = run_job_here(config, params, run_batch, quiet=as_json)
    if as_json:
        print_json([_video_document(result) for result in results])
    else:
        _print(results, what="video")
    raise typer.Exit(DONE if all(result.accepted for result in results) else NOT_ACCEPTED)


def _structured(
    config: Config,
    persona: str,
    request: str,
    *,
    video: bool,
    ask: bool,
    scene: dict[str, Any],
    scenario: str | None,
) -> dict[str, Any]:
    """Return the fields of a free request; those given as options of their own go before it."""
    from personalab_core.config import PersonaStore
    from personalab_core.errors import InputError
    from personalab_core.generation import structure_prompt, structure_video_prompt
    from personalab_core.jobs.studio import Studio
    from personalab_core.prompts import subject_description

    if scenario:
        raise InputError("Give either --scenario NAME or --request TEXT.")
    character = PersonaStore(config.paths.personas).get(persona)
    if ask:
        writer = Studio(config).prompt_writer(character)
        prompt = writer.video(request) if video else writer.image(request)
    else:
        structure = structure_video_prompt if video else structure_prompt
        prompt = structure(request, subject_description=subject_description(character))
    said = prompt.model_dump(exclude={"subject_description"}, exclude_defaults=True)
    return {**said, **scene}


def _prompt(
    kind: type[P], context: typer.Context, persona: str, *, scenario: str | None, scene: dict[str, Any]
) -> P | None:
    """Return the free scene as a prompt, ``None`` if a scenario is named instead."""
    from pydantic import ValidationError

    from personalab_core.config import PersonaStore
    from personalab_core.errors import InputError
    from personalab_core.prompts import subject_description

    character = PersonaStore(chosen(context).load().paths.personas).get(persona)
    if bool(scenario) == bool(scene):
        raise InputError("Give either --scenario NAME, or a free scene with --action, --location and so on.")
    try:
        return kind(subject_description=subject_description(character), **scene) if scene else None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InputError(f"--{first['loc'][0]}: {first['msg']}.") from None


def _video_params(
    context: typer.Context,
    persona: str,
    *,
    scenario: str | None,
    scene: dict[str, Any],
    n: int,
    seed: int,
    overrides: dict[str, Any],
) -> BatchParams:
    from personalab_core.jobs import BatchParams
    from personalab_core.jobs.params import BatchItem
    from personalab_core.schemas import VideoPrompt

    prompt = _prompt(VideoPrompt, context, persona, scenario=scenario, scene=scene)
    item = BatchItem(persona=persona, asset_type="video", scenario=scenario, prompt=prompt, n=n, seed=seed)
    return BatchParams(
        workspace=chosen(context).reference(),
        name=f"{n} video{'s' if n > 1 else ''} of {persona}",
        items=(item,),
        overrides=overrides,
    )


def _video_document(result: JobResult) -> dict[str, Any]:
    return {**_document(result), "video_path": result.video_path}


def _params(
    context: typer.Context,
    *,
    persona: str,
    scenario: str | None,
    scene: dict[str, Any],
    n: int,
    seed: int,
    overrides: dict[str, Any],
) -> Any:
    from personalab_core.jobs import GenerateImagesParams
    from personalab_core.schemas import ImagePrompt

    prompt = _prompt(ImagePrompt, context, persona, scenario=scenario, scene=scene)
    return GenerateImagesParams(
        workspace=chosen(context).reference(),
        persona=persona,
        scenario=scenario,
        prompt=prompt,
        n_assets=n,
        seed=seed,
        overrides=overrides,
    )


def _document(result: JobResult) -> dict[str, Any]:
    return {
        "asset_id": result.job_id,
        "outcome": result.outcome.value,
        "accepted": result.accepted,
        "final_score": result.final_score,
        "image_path": result.image_path,
        "attempts": result.attempts,
    }


def _print(results: list[JobResult], *, what: str = "picture") -> None:
    rows = [
        (
            result.outcome.value,
            number(result.final_score),
            str(len(result.attempts)),
            str((result.video_path if what == "video" else result.image_path) or ""),
            result.sentence,
        )
        for result in results
    ]
    print_table("", ("outcome", "#score", "#attempts", what, "why"), rows)
    say()
    say(f"{sum(result.accepted for result in results)} of {len(results)} accepted.")
