"""The simulated provider: conditioned by the anchor, deterministic by seed, failing as asked."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from personalab_core.errors import InvalidRequestError, ProviderServerError, RateLimitError
from personalab_core.llm import ImagePart, LLMImageResponse
from personalab_core.llm.simulated import SLOW_S, SimulatedClient
from personalab_core.llm.simulated_faults import DriftSchedule, FaultRates
from personalab_core.llm.simulated_picture import requested_person
from personalab_core.simulation import PortraitMetadata, SimulatedIdentity, identity_from_bytes, read_metadata
from tests.support.faces import portrait_png, shared_renderer
from tests.support.fakes import tiny_png

SIZE_PX = 128
ANCHOR = ImagePart(portrait_png(3, width=128, height=160))


def client(seed: int = 0, **options: object) -> SimulatedClient:
    settings: dict[str, object] = {"faults": FaultRates.none(), "size_px": SIZE_PX, "renderer": shared_renderer()}
    return SimulatedClient(seed, **{**settings, **options})  # type: ignore[arg-type]


def draw(
    of: SimulatedClient, prompt: str = "a headshot in a cafe", anchor: ImagePart | None = ANCHOR
) -> LLMImageResponse:
    parts = [prompt] if anchor is None else [anchor, prompt]
    return of.generate_image(parts=parts, aspect_ratio="4:5", model_name="portrait-image-1")


def truth(response: LLMImageResponse) -> PortraitMetadata:
    found = read_metadata(response.images[0])
    assert found is not None
    return found


def far(one: SimulatedIdentity, other: SimulatedIdentity) -> float:
    return sum(abs(a - b) for a, b in zip(one.geometry, other.geometry, strict=True)) / len(one.geometry)


def anchored() -> SimulatedIdentity:
    found = read_metadata(ANCHOR.data)
    assert found is not None
    return found.identity


def test_a_picture_says_that_it_is_simulated_and_costs_nothing() -> None:
    response = draw(client())
    assert truth(response).extra["provider"] == "simulated"
    assert (response.cost.amount_usd, response.cost.source) == (0.0, "simulated")
    assert (response.usage.n_images, response.finish_reason) == (1, "STOP")
    assert response.model_version == "simulated-1"


@pytest.mark.parametrize(
    ("aspect_ratio", "size"), [("4:5", (104, 128)), ("1:1", (128, 128)), ("16:9", (128, 72)), ("1:4", (64, 128))]
)
def test_the_size_follows_the_aspect_ratio(aspect_ratio: str, size: tuple[int, int]) -> None:
    data = client().generate_image(parts=["a portrait"], aspect_ratio=aspect_ratio, model_name="m").images[0]
    assert (int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")) == size


@pytest.mark.parametrize("aspect_ratio", ["", "4x5", "0:5", "1:9", "-4:5"])
def test_a_senseless_aspect_ratio_is_refused(aspect_ratio: str) -> None:
    with pytest.raises(InvalidRequestError, match="4:5"):
        client().generate_image(parts=["a portrait"], aspect_ratio=aspect_ratio, model_name="m")


def test_equal_seeds_and_requests_give_equal_bytes() -> None:
    one = draw(client().with_seed(7))
    again = draw(client(seed=99).with_seed(7))
    other = draw(client().with_seed(8))
    assert one.images[0] == again.images[0]
    assert one.images[0] != other.images[0]
    assert one.seed == 7


def test_without_a_fixed_seed_every_call_is_another_picture_and_every_run_the_same() -> None:
    one, two = client(seed=1), client(seed=1)
    first_run = [draw(one).images[0] for _ in range(2)]
    assert first_run[0] != first_run[1]
    assert first_run == [draw(two).images[0] for _ in range(2)]


def test_the_anchor_decides_who_is_shown() -> None:
    me = anchored()
    shown = [truth(draw(client().with_seed(seed))).identity for seed in range(4)]
    stranger = truth(draw(client(), anchor=ImagePart(portrait_png(4, width=128, height=160)))).identity
    assert max(far(me, identity) for identity in shown) < far(me, stranger)
    assert truth(draw(client())).style == truth(LLMImageResponse(images=(ANCHOR.data,))).style


def test_an_anchor_without_metadata_stands_for_one_stable_person() -> None:
    photograph = ImagePart(tiny_png(90))
    person = requested_person([photograph, "a portrait"])
    assert person == requested_person(["another text", photograph])
    assert person.identity == identity_from_bytes(photograph.data)
    assert person.from_anchor


def test_pictures_for_another_purpose_are_no_anchor() -> None:
    style = ImagePart(ANCHOR.data, role="style_reference")
    with_style = (
        client()
        .with_seed(1)
        .generate_image(parts=[style, "One person: a woman with red hair."], aspect_ratio="4:5", model_name="m")
    )
    assert far(truth(with_style).identity, anchored()) > 0.2


def test_candidates_from_words_are_siblings() -> None:
    words = "A headshot of one person: a 40-year-old man with short black hair."
    seeds = [truth(draw(client().with_seed(seed), words, anchor=None)).identity for seed in range(3)]
    assert 0 < far(seeds[0], seeds[1]) < 0.3
    assert far(seeds[0], anchored()) > far(seeds[0], seeds[2])


def test_a_block_and_an_empty_answer_are_outcomes() -> None:
    blocked = draw(client(faults=FaultRates.only(blocked=1)))
    empty = draw(client(faults=FaultRates.only(empty=1)))
    assert (list(blocked.images), blocked.block_reason) == ([], "SAFETY")
    assert (list(empty.images), empty.block_reason, empty.finish_reason) == ([], None, "NO_IMAGE")


@pytest.mark.parametrize("fault", ["no_face", "several_people", "wrong_person", "blur", "turned_away"])
def test_a_spoilt_picture_admits_it_in_its_metadata(fault: str) -> None:
    spoilt = truth(draw(client(faults=FaultRates.only(**{fault: 1.0}))))
    assert spoilt.extra["fault"] == fault
    assert len(spoilt.faces) == (2 if fault == "several_people" else 1)
    assert spoilt.faces[0].turned_away == (fault == "turned_away")


def test_a_rate_limit_says_how_long_to_wait_and_a_server_failure_its_status() -> None:
    with pytest.raises(RateLimitError) as limited:
        draw(client(faults=FaultRates.only(rate_limited=1)))
    with pytest.raises(ProviderServerError) as broken:
        draw(client(faults=FaultRates.only(server_error=1)))
    assert limited.value.retry_after_s is not None
    assert (limited.value.status_code, broken.value.status_code) == (429, 503)


def test_repeating_a_failed_call_can_succeed_although_the_seed_is_fixed() -> None:
    unreliable = client(faults=FaultRates.only(rate_limited=0.5)).with_seed(3)
    outcomes = []
    for _ in range(12):
        try:
            outcomes.append(draw(unreliable).images[0])
        except RateLimitError:
            outcomes.append(b"")
    pictures = [data for data in outcomes if data]
    assert 0 < len(pictures) < 12
    assert len(set(pictures)) == 1


def test_a_slow_call_waits_with_the_sleeper_it_was_given() -> None:
    waits: list[float] = []
    draw(client(faults=FaultRates.only(slow=1), sleeper=waits.append))
    assert waits == [SLOW_S]


def test_drift_goes_on_over_the_calls_of_all_seeded_copies() -> None:
    drifting = client(drift=DriftSchedule.ramp(0, 4, amount=0.8))
    amounts = [truth(draw(drifting.with_seed(1))).extra["drift"]["identity"] for _ in range(5)]
    assert amounts == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.8])


def test_drift_can_follow_a_clock() -> None:
    start = datetime(2030, 1, 1, tzinfo=UTC)
    now: Callable[[], datetime] = iter([start, start + timedelta(days=9)]).__next__
    drifting = client(drift=DriftSchedule.step(start + timedelta(days=5), amount=0.5), clock=now)
    assert [truth(draw(drifting)).extra["drift"]["identity"] for _ in range(2)] == [0.0, 0.5]


def test_a_provider_change_shows_in_the_version_it_reports() -> None:
    changing = client(drift=DriftSchedule.provider_change(1))
    assert [draw(changing).model_version for _ in range(2)] == ["simulated-1", "simulated-2"]


def test_threads_may_share_a_client() -> None:
    shared = client()
    alone = [draw(client().with_seed(seed)).images[0] for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda seed: draw(shared.with_seed(seed)).images[0], range(4)))
    assert together == alone


def test_the_repr_shows_no_prompt_and_no_picture() -> None:
    response = draw(client(), "a secret prompt")
    assert "secret" not in repr(response)
    assert "PNG" not in repr(response)
    assert repr(client(seed=4)) == "SimulatedClient(seed=4, drawing on)"
