"""Exports accepted assets as a job."""

from __future__ import annotations

from personalab_core.jobs.control import Ending, JobCancelledError, Progress, stop_if_asked
from personalab_core.jobs.params import ExportParams
from personalab_core.jobs.studio import Studio
from personalab_core.publishing import ExportOrder, chosen_channel, chosen_finish, load_channels


def export_assets(studio: Studio, params: ExportParams, progress: Progress) -> Ending:
    """Export the assets and return how it ended; one that could not be exported does not end the others.

    Raises:
        InputError: There is no such channel, look or accepted asset.
        JobCancelledError: The work was asked to stop; what left until then is packed and recorded.
        WorkspaceError: The folder cannot be written.
    """
    stop_if_asked(progress)
    config = studio.config
    order = ExportOrder(
        params.persona,
        params.channel,
        chosen_channel(params.channel, load_channels(config.paths.prompts)),
        asset_ids=params.assets,
        finish=chosen_finish(
            config,
            look=params.look,
            sharpen_amount=params.sharpen,
            sharpen_as_advised=params.sharpen_as_advised,
            super_resolve_as_advised=params.super_resolve_as_advised,
        ),
        captions=params.captions,
        caption=params.caption,
        seed=params.seed,
        composite=params.composite,
    )
    exported = studio.exporter.export(order, on_file=progress.report, should_stop=progress.should_stop)
    if len(exported.records) + len(exported.problems) < len(params.assets):
        raise JobCancelledError
    message = f"{len(exported.records)} of {len(params.assets)} exported: {exported.export_id}"
    error = f"ExportError: {' '.join(exported.problems)}" if exported.problems else None
    return Ending(message, error=error)
