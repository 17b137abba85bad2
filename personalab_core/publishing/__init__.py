"""What leaves the workspace: cropped for a channel, finished, marked as AI-generated, recorded."""

from personalab_core.publishing.advice import Advice, Adviser, adviser_of
from personalab_core.publishing.channels import Channel, chosen_channel, load_channels
from personalab_core.publishing.exporting import Export, Exporter
from personalab_core.publishing.finishing import Finish, chosen_finish, finish_picture
from personalab_core.publishing.marking import Marker, MarkError, read_mark, read_mark_of
from personalab_core.publishing.policy import Marking, marking_for, marking_note
from personalab_core.publishing.sending import ExportOrder

__all__ = [
    "Advice",
    "Adviser",
    "Channel",
    "Export",
    "ExportOrder",
    "Exporter",
    "Finish",
    "MarkError",
    "Marker",
    "Marking",
    "adviser_of",
    "chosen_channel",
    "chosen_finish",
    "finish_picture",
    "load_channels",
    "marking_for",
    "marking_note",
    "read_mark",
    "read_mark_of",
]
