"""Accepted assets are picked here, exported as a job, and downloaded; any file's mark can be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import streamlit as st
from pydantic import JsonValue

from pages.components import access, clicks, loaders, notices, rows, snippets, state, uploads
from pages.components.parts import component, known
from personalab_core.errors import PersonalabError
from personalab_core.jobs import ExportParams, Job
from personalab_core.schemas import Character, PlannedContent
from personalab_core.views import exports, numbers
from personalab_core.views.history import PersonaHistory
from personalab_core.views.runs import rows_to_show
from personalab_core.views.workspace import Workspace

_PICKS = component("picks")
_PLAIN = ""
_SOURCES = {"anchor": "As the anchor came to be", "no": "Generated throughout", "yes": "A real picture went in"}
MAX_CHECK_MB = 400
MAX_ADVICE_LINES = 3
"""So many assets are named for one piece of advice."""


def _ignored() -> None:
    """Streamlit sends a state back only where a callback is registered."""


def show(space: Workspace, characters: Mapping[str, Character]) -> None:
    """Show the form, the running export, the earlier ones, and the check of a file."""
    rows.follow(lambda: bool(_running(space, characters)), lambda: _draw(space, characters))
    show_check()


def _running(space: Workspace, characters: Mapping[str, Character]) -> list[Job]:
    persona = state.current_persona(characters)
    return [job for job in space.jobs.list(persona=persona) if job.kind == "export" and job.active]


def _draw(space: Workspace, characters: Mapping[str, Character]) -> None:
    offer = exports.build_offer(space.config)
    left, right = st.columns([7, 3], vertical_alignment="bottom", gap="medium")
    with right:
        chosen = state.chosen_persona({i: c.name for i, c in characters.items()})
    history = space.history(characters[chosen or next(iter(characters))])
    now, zone = loaders.now(), loaders.zone()
    assets = exports.accepted_assets(space.config, history, now=now, zone=zone)
    with left:
        answer, detail = exports.exports_answer(history, len(assets), offer)
        snippets.head(f"Export of {history.name}", answer, detail, simulated=space.config.simulates("image"))
        if assets and not offer.marked:
            snippets.field_problem("Files leave unmarked.")
    notices.show_refused()
    st.space("small")
    _runs(space, history)
    if assets:
        a, b = st.columns([7, 4], gap="large")
        with a:
            snippets.section("What leaves", "Click to pick; the newest stand first.")
            picked = _pick(assets, history)
        with b:
            _form(space, history, offer, [card for card in assets if card.id in picked])
    elif clicks.button("Generate pictures", type="primary", key="export.generate"):
        state.go("generate", history.id)
    past, problems = exports.past_exports(space.config, history, now=now, zone=zone)
    if past:
        _earlier(past)
    notices.show_problems(problems)


def _pick(assets: Sequence[exports.AssetCard], history: PersonaHistory) -> list[str]:
    key, ids = f"export.picks.{history.id}", [card.id for card in assets]
    seeded = (st.session_state.get(key) or {}).get("selected") or ()
    picked = [i for i in seeded if known(i, ids)]
    data = {"items": [asdict(card) for card in assets], "selected": picked, "label": "Accepted assets"}
    _PICKS(key=key, data=data, on_selected_change=_ignored)
    return picked


def _form(space: Workspace, history: PersonaHistory, offer: exports.Offer, cards: Sequence[exports.AssetCard]) -> None:
    picked = [card.id for card in cards]
    planned = space.plans.posts(history.id) if picked else {}
    posts = {asset: planned[asset] for asset in picked if asset in planned}
    names = {c.id: posts[c.id].title if c.id in posts else f"{c.note or 'Picture'} of {c.name}" for c in cards}
    _shape(offer)
    _repairs(offer, exports.advice_on(space.config, history, names))
    _texts(offer, posts, picked)
    label = f"Export {numbers.plural(len(picked), 'asset')}" if picked else "Pick what leaves"
    access.act(
        label,
        partial(_start, space, history.id, offer, picked, list(posts)),
        type="primary",
        key="export.start",
        disabled=not picked,
    )


def _shape(offer: exports.Offer) -> None:
    snippets.section("In which shape")
    channels = {choice.id: choice.name for choice in offer.channels}
    looks = {choice.id: choice.name for choice in offer.looks}
    ids = list(channels)
    first = ids.index("instagram_portrait") if "instagram_portrait" in ids else 0
    st.selectbox("Channel", ids, first, format_func=lambda i: channels[i], key="export.channel")
    st.selectbox("Look", [_PLAIN, *looks], format_func=lambda i: looks.get(i, "None: as generated"), key="export.look")
    snippets.small(
        "The crop keeps the face, in a video that of all frames. Identity is measured again on whatever was changed, "
        "and the loss is shown. “As it is” leaves a video's frames untouched; a look is for pictures."
    )


def _repairs(offer: exports.Offer, groups: Sequence[exports.AdviceGroup]) -> None:
    """Show what the quality check says of what is picked, and what may be done; nothing is, unless it is chosen."""
    snippets.section(
        "Sharper", "The quality check only advises; who is in the picture is decided elsewhere.", below=True
    )
    for group in groups:
        snippets.block(snippets.decision(group.mark), snippets.lead(group.sentence))
        for line in group.lines[:MAX_ADVICE_LINES]:
            snippets.small(line)
        if len(group.lines) > MAX_ADVICE_LINES:
            snippets.small(f"and {len(group.lines) - MAX_ADVICE_LINES} more")
    st.checkbox(
        "Sharpen what is soft",
        offer.sharpen_as_advised,
        key="export.sharpen_advised",
        help="Only what the quality check calls soft. No threshold of the identity is touched.",
    )
    st.checkbox(
        "Super-resolve it, too",
        offer.super_resolve_as_advised,
        key="export.super_res_advised",
        help="Doubles what the check calls soft before it takes the channel's size.",
    )
    st.slider("Sharpen everything", 0.0, 2.0, 0.0, 0.1, key="export.sharpen", help="Whatever the check says. Off at 0.")


def _texts(offer: exports.Offer, posts: Mapping[str, PlannedContent], picked: Sequence[str]) -> None:
    snippets.section("What stands beside it", below=True)
    for asset, item in posts.items():
        st.text_area(f"Caption of “{item.title}”", item.post, key=_caption_key(asset), max_chars=5000)
    if len(posts) < max(1, len(picked)):
        st.text_area("Caption of the others" if posts else "Caption", key="export.caption", max_chars=5000)
    st.text_input("Disclosure", offer.disclosure, key="export.disclosure", max_chars=500)
    st.selectbox("Origin", list(_SOURCES), format_func=lambda i: _SOURCES[i], key="export.source")
    snippets.small("“As the anchor came to be”: an anchor that a person brought makes it a composite.")


def _caption_key(asset: str) -> str:
    return f"export.caption.{asset}"


def _start(space: Workspace, persona: str, offer: exports.Offer, picked: Sequence[str], planned: Sequence[str]) -> None:
    """Start the job with what the form holds now."""
    asked = st.session_state
    changed: dict[str, JsonValue] = {"publishing.disclosure": asked["export.disclosure"]}
    params = ExportParams(
        workspace=space.reference,
        overrides=changed if asked["export.disclosure"] != offer.disclosure else {},
        persona=persona,
        channel=asked["export.channel"],
        assets=tuple(picked),
        look=asked["export.look"] or None,
        sharpen=asked["export.sharpen"],
        sharpen_as_advised=asked["export.sharpen_advised"],
        super_resolve_as_advised=asked["export.super_res_advised"],
        captions={asset: asked[_caption_key(asset)] for asset in planned},
        caption=asked.get("export.caption", ""),
        composite={"yes": True, "no": False}.get(asked["export.source"]),
    )
    space.jobs.submit("export", params)


def _runs(space: Workspace, history: PersonaHistory) -> None:
    jobs = [job for job in space.jobs.list(persona=history.id) if job.kind == "export"]
    rows.show_runs(rows_to_show(jobs, {history.id: history.name}, now=loaders.now()), space.jobs)


def _earlier(past: Sequence[exports.PastExport]) -> None:
    snippets.section("What left before", below=True)
    for one in past:
        with st.container(border=True, key=f"export.past.{one.id}"):
            what, act = st.columns([8, 2], vertical_alignment="center")
            with what:
                snippets.block(snippets.decision(one.mark), snippets.named(one.title, one.line))
            with act, st.container(horizontal=True, horizontal_alignment="right"):
                if one.archive:
                    clicks.download(
                        "Download zip",
                        _reader(one.archive),
                        file_name=one.archive.name,
                        mime="application/zip",
                        key=f"export.zip.{one.id}",
                    )
            with st.expander("Files"):
                snippets.block(snippets.table(exports.FILE_COLUMNS, one.rows))
                for note in one.notes:
                    snippets.small(note)


def _reader(archive: Path) -> Callable[[], bytes]:
    """Return what reads the zip when somebody asks for it, so that the page itself reads none."""
    return archive.read_bytes


def show_check() -> None:
    """Show what any file says of itself; it is read in memory and not stored."""
    st.space("small")
    with st.expander("Read the mark of a file"):
        file = st.file_uploader(
            "JPEG, PNG, WebP or MP4, of any origin",
            type=["jpg", "jpeg", "png", "webp", "mp4"],
            max_upload_size=MAX_CHECK_MB,
            key="export.check",
        )
        file = uploads.one_within(file, mb=MAX_CHECK_MB)
        if file is None:
            return
        try:
            report = exports.check_file(file.getvalue(), file.name)
        except PersonalabError as error:
            notices.show_refusal(str(error))
            return
        snippets.block(snippets.decision(exports.mark_of_report(report)), snippets.lead(report.sentence))
        snippets.block(snippets.facts(exports.mark_facts(report)))
