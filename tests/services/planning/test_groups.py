"""Groups of customers: registered, moved, on a cycle; rolled up over their present members (domain.md, Groups)."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.planning import questions
from services.planning.domain import GROUPS, Planning
from services.planning.questions import PlanningQuestions
from services.planning.rules.groups import MAX_LEVELS, cycle_of, tree
from shared.errors import Malformed
from shared.events.facts import GroupRegistered
from shared.fold.entity import load_entity, new_entity
from tests.events.log import event_of
from tests.services.planning.given import CATALOGUES, ZONE

NOW = datetime(2026, 3, 10, 1, 30, tzinfo=UTC)
Row = dict[str, Any]


class Views(PlanningQuestions):
    """The views as lists of rows, asked by the stages that the questions use."""

    def __init__(self, groups: dict[str, str | None], members: Sequence[Row]) -> None:
        self.views = {
            "groups": [{"_id": name, "name": name, "parent_group_id": above} for name, above in groups.items()],
            "member_keys": [{"_id": one["_id"], "group_id": one["group_id"]} for one in members],
            "customers": [one["tier_row"] for one in members if "tier_row" in one],
            "engagement": [one["care"] for one in members if "care" in one],
            "plans": [one["plan"] for one in members if "plan" in one],
        }

    async def one(self, view: str, name: str) -> Row | None:
        return next((row for row in self.views[view] if row["_id"] == name), None)

    async def rows(self, view: str, pipeline: list[Row]) -> list[Row]:
        ((field, among),) = pipeline[0]["$match"].items()
        return [row for row in self.views[view] if row[field] in among["$in"]][: pipeline[1]["$limit"]]


def member(name: str, group: str, net: str = "0.00", **more: Any) -> Row:
    kcr, as_of, lapsed = more.pop("kcr", None), more.pop("as_of", NOW), more.pop("lapsed", None)
    care = {"concerns": {"open": more.pop("open", 0), "open_overdue": more.pop("late", 0)}}
    row: Row = {
        "_id": name,
        "group_id": group,
        "tier_row": {"_id": name, "name": name, "tier": "general", "net_365d": net, "currency": "CNY", "as_of": as_of},
        "care": {"_id": name, "relationship": {"key_relationship": kcr}, "as_of": as_of, **care},
    }
    row["tier_row"] |= more
    return row if lapsed is None else row | {"plan": {"_id": name, "lapsed": lapsed, "as_of": as_of}}


async def test_10_of_the_design_a_group_over_another() -> None:
    members = [member("a", "G", "4000000.00"), member("b", "H", "1500000.00")]
    shown = await Views({"G": None, "H": "G"}, members).group("G")
    assert shown is not None
    assert (shown["net_365d"], shown["members"], shown["groups"]) == ({"CNY": "5500000.00"}, 2, ["H"])
    assert shown["cycle"] == []
    both = Views({"G": "H", "H": "G"}, members)
    for name, net in (("G", "4000000.00"), ("H", "1500000.00")):
        shown = await both.group(name)
        assert shown is not None
        assert (shown["net_365d"], shown["members"], shown["groups"]) == ({"CNY": net}, 1, [])
        assert (shown["cycle"], shown["parent_group_id"]) == (["G", "H"], None)


async def test_all_figures_over_all_members() -> None:
    members = [
        member("a", "G", "0.10", tier="strategic", kcr=1.25, open=2, late=1, lapsed=True),
        member("b", "G", "0.20", tier="partner", kcr=-0.5, at_risk=True, lapsed=False),
        member("c", "H", "0.30", as_of=NOW - timedelta(1), incomplete_since=7),
        member("d", "H", "5.00", currency="GBP", at_risk=True),
        member("e", "other", "9.00"),
    ]
    shown = await Views({"G": None, "H": "G"}, members).group("G")
    assert shown is not None
    customers = shown.pop("customers")
    assert shown == {
        "group_id": "G",
        "registered": True,
        "name": "G",
        "parent_group_id": None,
        "cycle": [],
        "groups": ["H"],
        "members": 4,
        "tiers": {"strategic": 1, "partner": 1, "general": 2},
        "net_365d": {"CNY": "0.60", "GBP": "5.00"},
        "at_risk": 2,
        "concerns_open": 2,
        "concerns_overdue": 1,
        "kcr_mean": "0.38",
        "kcr_least": "-0.50",
        "plans_lapsed": 1,
        "as_of": NOW - timedelta(1),
        "incomplete": ["c"],
    }
    assert [(one["customer"], one["group_id"]) for one in customers] == [("a", "G"), ("b", "G"), ("c", "H"), ("d", "H")]


async def test_a_group_that_nobody_registered_is_that_of_its_members_and_one_without_either_is_none() -> None:
    views = Views({}, [member("a", "G", "1.00")])
    shown = await views.group("G")
    assert shown is not None
    assert (shown["registered"], shown["name"], shown["members"]) == (False, None, 1)
    assert await views.group("H") is None


async def test_a_member_without_its_rows_is_incomplete() -> None:
    shown = await Views({"G": None}, [{"_id": "a", "group_id": "G"}]).group("G")
    assert shown is not None
    assert (shown["members"], shown["incomplete"], shown["as_of"], shown["net_365d"]) == (1, ["a"], None, {"": "0"})


async def test_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "_ASKED", 2)
    below = {f"H{n}": "G" for n in range(5)}
    views = Views({"G": None, **below}, [member(f"c{n}", f"H{n}", "1.00") for n in range(5)])
    shown = await views.group("G")
    assert shown is not None
    assert (shown["net_365d"], len(shown["groups"])) == ({"CNY": "5.00"}, 5)
    for name in ("MAX_MEMBERS", "MAX_GROUPS"):
        with monkeypatch.context() as patch:
            patch.setattr(questions, name, 4)
            with pytest.raises(Malformed, match="more than 4"):
                await views.group("G")


def test_five_levels_below_count() -> None:
    parents = {"G0": None} | {f"G{n}": f"G{n - 1}" for n in range(1, 9)}
    assert tree("G0", parents).groups == [f"G{n}" for n in range(MAX_LEVELS + 1)]
    assert tree("G7", parents).groups == ["G7", "G8"]


def test_who_hangs_below_a_cycle_is_not_on_it() -> None:
    parents = {"A": "B", "B": "C", "C": "A", "D": "A", "E": "D", "S": "S"}
    assert tree("A", parents) == (["A", "D", "E"], ["A", "B", "C"])
    assert tree("D", parents) == (["D", "E"], [])
    assert tree("S", parents) == (["S"], ["S"])


NAMES = [f"G{n}" for n in range(6)]


@given(st.dictionaries(st.sampled_from(NAMES), st.sampled_from([None, *NAMES, "unknown"])))
@settings(max_examples=100)
def test_each_group_lies_below_one_top_only(parents: dict[str, str | None]) -> None:
    """Without levels to spare, the groups under all tops are all groups, once each."""
    tops = [name for name, above in parents.items() if above is None or above not in parents or cycle_of(name, parents)]
    below = [name for top in tops for name in tree(top, parents).groups]
    assert len(below) == len({*below})
    assert {*below} == {*parents}


@given(
    st.dictionaries(st.sampled_from(NAMES), st.sampled_from([None, *NAMES])),
    st.lists(st.tuples(st.sampled_from(NAMES), st.integers(1, 10**9)), max_size=12),
)
@settings(max_examples=50)
async def test_the_sum_of_the_tops_is_the_whole(parents: dict[str, str | None], nets: list[tuple[str, int]]) -> None:
    members = [member(f"c{n}", group, f"{Decimal(net).scaleb(-2)}") for n, (group, net) in enumerate(nets)]
    views = Views(parents, members)
    tops = [name for name in NAMES if parents.get(name) is None or cycle_of(name, parents)]
    shown = [one for one in [await views.group(top) for top in tops] if one is not None]
    whole = sum((Decimal(one["net_365d"].get("CNY", 0)) for one in shown), Decimal(0))
    assert whole == sum((Decimal(net).scaleb(-2) for _, net in nets), Decimal(0))
    assert sum(one["members"] for one in shown) == len(members)


def test_the_latest_registration_holds_field_by_field_and_is_stored() -> None:
    domain = Planning(CATALOGUES, ZONE)
    entity = new_entity(domain, "group:G")
    told = [
        (GroupRegistered(name="Old", parent_group_id="P"), 1),
        (GroupRegistered(name="New"), 3),
        (GroupRegistered(name="Late", parent_group_id=None), 2),
    ]
    for number, (fact, day) in enumerate(told):
        event = event_of(
            fact, NOW + timedelta(day), name=f"e{number}", source="crm", subject="G", recorded_at=NOW + timedelta(9)
        )
        assert [*entity.fold(event, deciding=True)] == []
        entity = load_entity(domain, "group:G", entity.document())
    document = entity.document()
    assert (document["name"], document["parent_group_id"]) == ("New", None)
    assert document["as_of"] == NOW + timedelta(9)
    assert document["due_at"] is None
    assert domain.collection("group:G") == GROUPS
    assert domain.size(entity.state) > 0
