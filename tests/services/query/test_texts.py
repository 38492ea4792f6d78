"""The door to texts: who is judged by what, what the trail has before a text is looked up, and what is said then."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from services.archives.questions import Known
from services.query.api.problems import Refusal
from services.query.api.texts import HELP, TextDoor, TextsAsked, Views
from services.query.console.roles import Person
from services.query.standing import Admitted, Reached, Standing
from shared.errors import Malformed, Transient
from shared.keys import NOBODY, ApiKey, ApiKeys, Scope
from shared.keys.edit import create_key
from shared.trail import Chains, Entry, chained

Json = dict[str, Any]
NOW = datetime(2026, 7, 31, 4, tzinfo=UTC)
STANDING = Standing({"archives": 3, "engagement": 2, "log": 1}, {}, {}, {})
TEXTS = {"text:1": "他们的痛点", "text:2": None}
GRANT = {"grantee": "R-9", "max_grade": "secret", "approved_by": "S", "from_on": "2026-07-01", "status": "holds"}


def profile(grade: str = "secret", **other: Any) -> Json:
    states = {"pains": "filled", "vision": "none_known", "rivals": "missing", "economy": "filled", "rules": "missing"}
    return {
        "profile": "cp",
        "vendor_id": None,
        "grade": grade,
        "items": [{"item": name, "state": state} for name, state in states.items()],
        "texts": {"pains": "text:1", "obstacles": "text:2", "rules": "erased"},
        **other,
    }


def key(representative: str | None = None, *scopes: Scope, **other: Any) -> ApiKey:
    named: Json = {"id": "abcd", "hash": NOBODY, "created": NOW, "scopes": scopes or (Scope.TEXTS_READ,)}
    return ApiKey(**{**named, "representative": representative, **other})


class World:
    """What the door asks; `happened`: in which order."""

    def __init__(self, grade: str = "secret", lag: timedelta = timedelta(), **row: Any) -> None:
        self.now = NOW
        self.row: Json | None = {"owned_by": ["R-1"], "profiles": [profile(grade)], **row}
        self.grants: list[Json] = [{**GRANT, "expires_on": "2026-07-31"}]
        self.lag, self.down, self.bulk = lag, False, False
        self.trail: list[Json] = []
        self.happened: list[str] = []

    async def know(self, customer: str, standing: Standing, now: datetime) -> Known:
        assert (customer, standing, now) == ("C-1", STANDING, self.now)
        return Known(self.row, self.grants, {"R-1": "M-1", "M-1": None}, self.lag)

    async def add(self, entry: Entry) -> Mapping[str, Any]:
        await asyncio.sleep(0)
        if self.down:
            raise Transient("no majority")
        last = next((one for one in reversed(self.trail) if one["reader"] == entry.reader), None)
        self.trail.append(chained(entry, last))
        self.happened.append("trail")
        return self.trail[-1]

    async def emergency(self, reader: str, customer: str, after: datetime) -> Mapping[str, Any] | None:
        mine = [one for one in self.trail if (one["reader"], one["customer"]) == (reader, customer)]
        return next((one for one in reversed(mine) if one["by"] == "break_glass" and one["at"] > after), None)

    async def reads_in_bulk(self, reader: str, customer: str, now: datetime) -> bool:
        del reader, customer, now
        return self.bulk

    async def of(self, customer: str, ids: list[str]) -> Mapping[str, str | None]:
        assert customer == "C-1"
        self.happened.append("texts")
        return {one: TEXTS[one] for one in ids if one in TEXTS}

    async def read(self, who: ApiKey, *items: str, reason: str | None = None, **asked: Any) -> Json:
        door = TextDoor(self.know, self, self, ZoneInfo("Asia/Shanghai"), lambda: self.now)
        said: Json = {"profile": "cp", "items": items or ("pains",), **asked}
        if reason is not None:
            said["emergency"] = {"reason": reason}
        return await door.read(who, "C-1", TextsAsked.model_validate(said), STANDING)

    async def refused(self, who: ApiKey, *items: str, **asked: Any) -> Json:
        with pytest.raises(Refusal) as refusal:
            await self.read(who, *items, **asked)
        problem = refusal.value.problem
        return {"status": problem.status, "code": problem.code, **problem.members}

    @property
    def verdicts(self) -> list[tuple[str, bool, str]]:
        return [(one["reader"], one["allowed"], one["by"]) for one in self.trail]


async def test_the_owner_reads_and_the_trail_has_it_first() -> None:
    world = World()
    found = await world.read(key("R-1"), "pains", "obstacles", "rules", "vision", "rivals", "economy", "nothing")
    assert [(one["item"], one["state"], one["text"]) for one in found["items"]] == [
        ("pains", "text", "他们的痛点"),
        ("obstacles", "erased", None),
        ("rules", "erased", None),
        ("vision", "none_known", None),
        ("rivals", "missing", None),
        ("economy", "not_kept", None),
        ("nothing", "missing", None),
    ]
    assert (found["by"], found["grade"], found["seq"]) == ("owner", "secret", 1)
    assert world.happened == ["trail", "texts"], "no text is even looked up before the trail has the entry"
    (entry,) = world.trail
    assert entry["items"] == ["pains", "obstacles", "rules", "vision", "rivals", "economy", "nothing"]
    assert (entry["customer"], entry["profile"], entry["grade"], entry["at"]) == ("C-1", "cp", "secret", NOW)
    assert not {one for one in entry.values() if one in TEXTS.values() and one}, "no text on the trail"


async def test_no_trail_no_text() -> None:
    world = World()
    world.down = True
    assert await world.refused(key("R-1")) == {"status": 503, "code": "no_trail"}
    assert world.happened == []


@pytest.mark.parametrize(
    ("who", "grade", "by"),
    [
        (key("R-1"), "top_secret", "owner"),
        (key(None, Scope.TEXTS_READ, rows="own:R-1"), "top_secret", "owner"),
        (key("M-1"), "top_secret", "chain"),
        (key("R-9"), "secret", "grant"),
        (key("X", Scope.TEXTS_READ, Scope.TEXTS_EXECUTIVE), "secret", "executive"),
        (key("X", Scope.TEXTS_READ, Scope.TEXTS_STEWARD), "top_secret", "steward"),
        (Person("li@example.com", "steward").key(NOW), "top_secret", "steward"),
        (Person("li", "head_of_sales").key(NOW), "secret", "executive"),
        (Person("li", "account_manager", "R-1").key(NOW), "top_secret", "owner"),
        (Person("li", "head_of_service", None, "M-1").key(NOW), "top_secret", "chain"),
    ],
)
async def test_who_may_read_by_what(who: ApiKey, grade: str, by: str) -> None:
    world = World(grade)
    assert (await world.read(who))["by"] == by
    assert world.verdicts == [(who.reader, True, by)]


@pytest.mark.parametrize(
    ("who", "grade", "why"),
    [
        (key("X"), "confidential", "no_right"),
        (key("R-9"), "top_secret", "grade"),
        (key("X", Scope.TEXTS_READ, Scope.TEXTS_EXECUTIVE), "top_secret", "grade"),
        (key("R-1", Scope.CONFIDENTIAL_READ, Scope.EXPORTS_READ), "confidential", "no_content_role"),
        (key("R-1", Scope.TEXTS_STEWARD), "confidential", "no_content_role"),
        (key(None, *Scope, sources=("*",)), "confidential", "no_content_role"),
        (Person("auditor", "compliance", None, "R-1").key(NOW), "confidential", "no_content_role"),
        (Person("R-1", "steward").key(NOW), "stands still", "stale_rights"),
        (Person("R-1", "head_of_service").key(NOW), "confidential", "no_right"),
    ],
)
async def test_who_may_not_is_on_the_trail_too(who: ApiKey, grade: str, why: str) -> None:
    world = World("top_secret", incomplete_since="1/2") if grade == "stands still" else World(grade)
    assert await world.refused(who) == {"status": 403, "code": "text_denied", "why": why}
    assert world.verdicts == [(who.reader, False, why)]
    assert world.happened == ["trail"]
    assert HELP[why]


async def test_worked_example_4_by_the_door() -> None:
    """Grant of secret to 07-31: secret on 07-31 allowed, on 08-01 grant_ended; top_secret on 07-31 grade."""
    world = World()
    assert (await world.read(key("R-9")))["by"] == "grant"
    world.row = {"owned_by": ["R-1"], "profiles": [profile("top_secret")]}
    assert (await world.refused(key("R-9")))["why"] == "grade"
    world.row = {"owned_by": ["R-1"], "profiles": [profile("secret")]}
    world.now = datetime(2026, 7, 31, 16, tzinfo=UTC)  # midnight in Shanghai
    assert (await world.refused(key("R-9")))["why"] == "grant_ended"
    assert world.verdicts == [("R-9", True, "grant"), ("R-9", False, "grade"), ("R-9", False, "grant_ended")]
    chains = Chains(world.now)
    for one in world.trail:
        chains.look(one)
    assert (chains.looked_at, chains.faults) == (3, [])


async def test_rights_of_before_give_no_top_secret() -> None:
    world = World("top_secret", lag=timedelta(minutes=5, seconds=1))
    assert (await world.refused(key("R-1")))["why"] == "stale_rights"
    assert (await World("secret", lag=timedelta(days=1)).read(key("R-1")))["by"] == "owner"


async def test_what_is_not_there_has_the_highest_grade() -> None:
    world = World()
    assert (await world.refused(key("R-9"), profile="vp", vendor_id="V-1"))["why"] == "grade"
    world.row = None
    assert (await world.refused(key("X")))["why"] == "no_right"
    found = await world.read(key("X", Scope.TEXTS_READ, Scope.TEXTS_STEWARD))
    assert found["items"] == [{"item": "pains", "state": "missing", "text": None}]
    assert [one["grade"] for one in world.trail] == [None, None, None]


async def test_an_emergency_holds_for_four_hours_from_when_it_was_declared() -> None:
    world = World("top_secret")
    assert (await world.refused(key("X")))["why"] == "no_right"
    assert (await world.read(key("X"), reason=" 工厂着火 "))["by"] == "break_glass"
    world.now = NOW + timedelta(hours=3, minutes=59)
    assert (await world.read(key("X"), "vision"))["by"] == "break_glass"
    assert [(one["reason"], one["since"]) for one in world.trail[1:]] == [("工厂着火", NOW)] * 2
    world.now = NOW + timedelta(hours=4, seconds=1)
    assert (await world.refused(key("X")))["why"] == "no_right"
    assert (await world.read(key("X"), reason="again"))["by"] == "break_glass"


async def test_an_emergency_helps_no_role_without_texts_and_its_reason_is_kept() -> None:
    world = World()
    assert (await world.refused(key("X", Scope.CUSTOMERS_READ), reason="fire"))["why"] == "no_content_role"
    assert (world.trail[0]["reason"], world.trail[0]["allowed"]) == ("fire", False)


async def test_reading_in_bulk_is_marked() -> None:
    world = World()
    world.bulk = True
    await world.read(key("R-1"))
    await world.refused(key("X"))
    assert [one["bulk"] for one in world.trail] == [True, False]


@pytest.mark.parametrize(
    "wrong",
    [
        {"profile": "xp"},
        {"profile": "vp"},
        {"vendor_id": "V-1"},
        {"items": []},
        {"items": ["x"] * 101},
        {"items": ["x" * 129]},
        {"emergency": {"reason": " "}},
        {"emergency": {"reason": "x" * 501}},
        {"emergency": {}},
        {"emergency": {"reason": "fire\nR-2 read nothing"}},
        {"items": ["a\u0000"]},
        {"reader": "R-1"},
        {"at": "2026-01-01"},
    ],
)
def test_what_is_no_question(wrong: Json) -> None:
    with pytest.raises(ValidationError):
        TextsAsked.model_validate({"profile": "cp", "items": ["pains"], **wrong})


class Rows:
    """Rows of views."""

    def __init__(self, managers: Mapping[str, str] | None = None) -> None:
        self.managers, self.asked = managers or {}, 0

    async def read(self, view: str, generation: int, conditions: Any, limit: int | None = None) -> list[Json]:
        del limit
        if view != "representative_keys":
            assert generation == 3
            return [{"owned_by": ["R-0"], "profiles": []}] if view == "profiles" else []
        assert generation == 2
        self.asked += 1
        return [{"_id": one, "manager": self.managers.get(one)} for one in conditions[0]["_id"]["$in"]]


async def test_managers_are_asked_for_level_by_level_and_no_further() -> None:
    rows = Rows({f"R-{n}": f"R-{n + 1}" for n in range(20)})
    known = await Views(Rows(), rows).know("C-1", STANDING, NOW)  # type: ignore[arg-type]
    assert (rows.asked, known.managers["R-9"], known.managers.get("R-10")) == (10, "R-10", None)
    round_about = Rows({"R-0": "R-1", "R-1": "R-0"})
    await Views(Rows(), round_about).know("C-1", STANDING, NOW)  # type: ignore[arg-type]
    assert round_about.asked == 2


@pytest.mark.parametrize(
    ("folded", "as_of", "lag"),
    [
        (5, NOW - timedelta(days=9), timedelta()),
        (4, NOW - timedelta(minutes=6), timedelta(minutes=6)),
        (4, None, timedelta.max),
    ],
)
async def test_who_has_all_of_the_log_is_not_behind(folded: int, as_of: datetime | None, lag: timedelta) -> None:
    standing = Standing(
        STANDING.generations,
        {},
        {0: Admitted(9, {0: 5})},
        {"archives": {0: Reached(folded)}, "engagement": {0: Reached(5)}},
        fresh={"archives": as_of, "engagement": NOW},
    )
    assert (await Views(Rows(), Rows()).know("C-1", standing, NOW)).lag == lag  # type: ignore[arg-type]


def test_a_key_names_its_person_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "keys.yaml"
    made, token = create_key(file, (), now=NOW, scopes=["texts:read"], representative="R-7")
    found = ApiKeys(file).find(f"Bearer {token}", NOW)
    assert isinstance(found, ApiKey)
    assert (found.reads_as, found.reader, made.reader) == ("R-7", "R-7", "R-7")
    with pytest.raises(Malformed):
        create_key(file, (), now=NOW, scopes=["texts:read"], representative="R\n7")
