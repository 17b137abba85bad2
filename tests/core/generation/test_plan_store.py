"""Plans on disk: found again, changed one item at a time, never lost, broken ones said plainly."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from personalab_core.errors import ConfigError, InputError
from personalab_core.generation.plan_store import PlanStore, spread
from personalab_core.schemas import ContentPlan, PlannedContent


def plan(*titles: str) -> ContentPlan:
    items = [{"title": title, "scenario_details": {"action_details": f"doing {title}"}} for title in titles]
    return ContentPlan.model_validate(
        {
            "persona": "mara",
            "created_at": datetime(2026, 11, 22, tzinfo=UTC),
            "provider": "simulated",
            "model": "text-1",
            "simulated": True,
            "prompt_hash": "0" * 64,
            "planned_content": items,
        }
    )


def test_items_get_names_and_are_found_again(tmp_path: Path) -> None:
    store = PlanStore(tmp_path)
    store.replace(plan("one", "two"))
    loaded = store.load("mara")
    assert [item.id for item in loaded.planned_content] == ["item-1", "item-2"]
    assert loaded.item("item-2").title == "two"
    with pytest.raises(InputError, match=r"no item 'item-3'. It has: item-1, item-2"):
        loaded.item("item-3")


def test_one_item_changes_and_a_hand_edit_made_meanwhile_stays(tmp_path: Path) -> None:
    store = PlanStore(tmp_path)
    path = store.replace(plan("one", "two"))
    path.write_text(path.read_text(encoding="utf-8").replace("title: two", "title: by hand"), encoding="utf-8")
    store.change_item("mara", "item-1", lambda item: item.model_copy(update={"status": "approved"}))
    assert [(item.title, item.status) for item in store.load("mara").planned_content] == [
        ("one", "approved"),
        ("by hand", "idea"),
    ]


def test_an_earlier_plan_is_kept_and_its_ideas_are_history(tmp_path: Path) -> None:
    store = PlanStore(tmp_path)
    for title in ("one", "two", "three"):
        store.replace(plan(title))
    assert [item.title for item in store.history("mara")] == ["one", "two", "three"]
    assert [item.title for item in store.load("mara").planned_content] == ["three"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("planned_content: []\n", r"content_plan\.yml: 'persona': Field required"),
        ("a: [", r"not valid YAML"),
        ("- a list\n", "got a list"),
    ],
)
def test_a_broken_file_is_named_and_left_alone(tmp_path: Path, text: str, why: str) -> None:
    store = PlanStore(tmp_path)
    store.replace(plan("one"))
    store.path("mara").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=why):
        store.change_item("mara", "item-1", lambda item: item)
    assert store.path("mara").read_text(encoding="utf-8") == text
    assert store.history("mara") == []


def test_no_plan_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="personalab plan new mara"):
        PlanStore(tmp_path).load("mara")


def test_items_are_spread_evenly_over_the_weeks() -> None:
    items = plan("a", "b", "c", "d").planned_content
    days = [item.scheduled for item in spread(items, start=date(2026, 11, 23), per_week=3)]
    assert days == [date(2026, 11, 23), date(2026, 11, 25), date(2026, 11, 27), date(2026, 11, 30)]
    with pytest.raises(InputError, match="1 to 21 pieces a week"):
        spread(items, start=date(2026, 11, 23), per_week=0)


def test_two_items_of_one_name_are_refused() -> None:
    items = [PlannedContent(id="x", title="t", scenario_details={"action_details": "a"})] * 2
    with pytest.raises(ValueError, match="same id"):
        ContentPlan.model_validate(plan("one").model_dump() | {"planned_content": [i.model_dump() for i in items]})
