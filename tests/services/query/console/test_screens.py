"""What screens ask the API for, and what they make of its rows."""

import re

import pytest

from services.engagement.rules import satisfaction as rules
from services.query.console.screens import SCREENS, satisfaction
from services.query.console.screens.satisfaction import quarters_until
from tests.services.query.console.test_look import drop, override
from tests.services.query.console.test_questions import FULL
from tests.services.query.console.world import HEAD, MANAGER, NOW, World


@pytest.fixture
def world() -> World:
    return World()


def tile(html: str, name: str) -> str:
    """The text of a tile."""
    found = re.search(rf'<section class="tile" id="tile-{name}".*?</section>', html, re.DOTALL)
    assert found, name
    return " ".join(re.sub(r"<[^>]+>", " ", found[0]).split())


# Approvals


async def test_overrides_about_to_end_stand_beside_the_proposals(world: World) -> None:
    world.api.tables["overrides"] = [override()]
    await world.sign_in(HEAD)
    said = tile((await world.get("approvals")).text, "ending")
    assert "华芯 &lt;b&gt;" in said
    assert "20 Mar 2026" in said
    assert "By score it would be: G general" in said
    asked = world.api.parameters["overrides"]
    assert asked["overridden_until_before"] == "2026-04-02", "30 days from 2 March are over at the end of 1 April"
    assert "sort" not in asked, "the API's own order is the soonest first"


async def test_who_may_not_set_tiers_is_not_offered_to(world: World) -> None:
    world.api.tables["overrides"] = [override()]
    for person, offered in ((HEAD, True), (MANAGER, False)):
        await world.sign_in(person)
        html = (await world.get("approvals")).text
        assert ("/customers/C-1/override?tier=strategic" in html) is offered, person
        assert ("/customers/C-1/lift?next=" in html) is offered, person


async def test_nothing_that_ends_is_said(world: World) -> None:
    await world.sign_in(HEAD)
    assert "No tier set by hand ends within 30 days" in tile((await world.get("approvals")).text, "ending")


PROPOSED = FULL | {"tier": "partner", "proposed_tier": "strategic"}
MADE = {"customer": "C-1", "kind": "proposed", "proposed_tier": "strategic", "version": 4, "effective_on": "2026-02-20"}


@pytest.mark.parametrize(("manager", "owns"), [(None, False), ("R-9", False), ("head", True)])
async def test_only_the_owner_can_not_approve(world: World, manager: str | None, owns: bool) -> None:  # noqa: FBT001
    world.api.tables |= {"proposals": [PROPOSED | {"account_manager": manager}], "tier-history": [MADE]}
    await world.sign_in(HEAD)
    html = (await world.get("approvals")).text
    assert ("You own this customer" in html) is owns
    assert ("/customers/C-1/approve?proposal_version=4" in html) is not owns


async def test_all_proposals_of_a_page_are_one_question(world: World) -> None:
    rows = [PROPOSED | {"customer": f"C-{n}"} for n in range(20)]
    later = [MADE | {"customer": f"C-{n}", "version": version} for n in range(20) for version in (3, 5)]
    world.api.tables |= {"proposals": rows, "tier-history": later}
    await world.sign_in(HEAD)
    html = (await world.get("approvals?tile=proposals")).text
    assert html.count("approve?proposal_version=5") == 20, "the latest"
    assert [path for path, _ in world.api.asked].count("tier-history") == 1


@pytest.mark.parametrize("name", ["approve", "decline"])
async def test_a_proposal_that_somebody_else_has_decided_on_is_told_and_what_was_sent_before_is_done(
    world: World, name: str
) -> None:
    await world.sign_in(HEAD)
    world.api.tables["customers/C-1"] = PROPOSED | {"engagement": None, "plan": None}
    form = await world.form(f"customers/C-1/{name}?proposal_version=4") | {"reason": "as agreed"}
    world.api.tables["customers/C-1"] |= {"proposed_tier": None}
    answer = await world.post(f"customers/C-1/{name}", form)
    assert answer.status_code == 422
    assert "not open any more" in answer.text
    assert "as agreed" in answer.text
    assert world.door.sent == []
    event = f"events/guanxi%2Fconsole/{name}-{form['once'].partition('-')[2]}"
    world.api.tables[event] = {"status": "accepted"}
    assert (await world.post(f"customers/C-1/{name}", form)).status_code == 303, "one's own, sent again"


# Another day


def test_each_screen_of_the_menu_offers_days_or_says_why_not() -> None:
    for screen in SCREENS:
        assert not (screen.past and screen.now_only), screen.name
        assert screen.past or screen.now_only or not screen.menu, screen.name


async def test_a_day_is_offered_where_it_is_answered(world: World) -> None:
    await world.sign_in(HEAD)
    for path in ("tiers", "customers/C-1", "customers/C-1/why/tier"):
        html = (await world.get(f"{path}?on=2026-02-01&known_at=2026-02-20&cursor=x&from=2026-01-01")).text
        form = re.search(r'<form class="days.*?</form>', html, re.DOTALL)
        assert form, path
        assert 'name="on" value="2026-02-01"' in form[0]
        assert 'name="known_at" value="2026-02-20"' in form[0]
        assert 'type="range"' in form[0]
        assert 'name="from" value="2026-01-01"' in form[0], "what else the address says is kept"
        assert "cursor" not in form[0], "but not the page of another day"
    html = (await world.get("staffing")).text
    assert '<form class="days' not in html
    assert "past rosters against past tiers are not kept" in html


async def test_tiers_of_a_day_are_those_that_held_then(world: World) -> None:
    held = [{"tier": "partner", "customers": 7}, {"tier": "general", "customers": 3}]
    moved = {"customer": "C-1", "from": "general", "to": "partner", "from_on": "2026-01-11"}
    world.api.tables["boards/held"] = held
    world.api.tables["movements"] = [
        moved | {"recorded_at": "2026-01-12T00:00:00Z"},
        moved | {"customer": "C-late", "recorded_at": "2026-02-21T00:00:00Z"},
    ]
    await world.sign_in(HEAD)
    html = (await world.get("tiers?on=2026-02-01&known_at=2026-02-20")).text
    # The day ends in Shanghai at 16:00 UTC.
    times = {"on": "2026-02-01", "known_at": "2026-02-20T15:59:59+00:00"}
    assert world.api.parameters["boards/held"] == times
    days = {"from_on_after": "2025-11-03", "from_on_before": "2026-02-02"}
    assert world.api.parameters["boards/movements"] == days | {"known_at": times["known_at"]}
    assert "What held on 1 Feb 2026" in tile(html, "now")
    assert "70%" in tile(html, "now")
    assert "C-1" in tile(html, "moved")
    assert "C-late" not in tile(html, "moved"), "it came to the log afterwards"


async def test_what_is_known_today_is_known_up_to_now(world: World) -> None:
    await world.sign_in(HEAD)
    await world.get("customers/C-1?known_at=2026-03-02")
    assert world.api.parameters["customers/C-1/explanation"] == {"known_at": NOW.isoformat()}


async def test_a_day_before_the_first_one_moves_the_quarter(world: World) -> None:
    await world.sign_in(HEAD)
    await world.get("tiers?from=2026-01-01&on=2025-12-01")
    assert world.api.parameters["boards/movements"]["from_on_after"] == "2025-09-02"


# Satisfaction


async def test_whose_score_fell_is_said_with_both_years_and_how_many_answered(world: World) -> None:
    world.api.tables["satisfaction-drops"] = [drop()]
    await world.sign_in(HEAD)
    said = tile((await world.get("satisfaction")).text, "drops")
    assert "NPS 55.6 → 16.7 n = 9, 6" in said
    assert "CSAT 55" not in said, "an instrument that did not fall is left out"


async def test_quarters_are_drawn_with_how_many_answered(world: World) -> None:
    row = {"tier": "general", "instrument": "csat", "quarter": "2025-Q4", "n": 4, "value": 75.0}
    world.api.tables["boards/satisfaction-quarters"] = [row]
    await world.sign_in(HEAD)
    html = (await world.get("satisfaction?tile=quarters")).text
    assert "general, 2025-Q4: 75.0 (n=4)" in html
    assert "CSAT: by tier and quarter" in html
    assert "NPS: by tier and quarter" not in html, "nobody was asked for it"
    assert html.count("2024-Q2") == 5, "a quarter without answers stands in the table of each tier"


def test_quarters_of_the_screen_are_those_of_the_board() -> None:
    today = NOW.date()
    assert quarters_until(today) == rules.quarters_until(today.toordinal())
    assert satisfaction.QUARTERS == rules.QUARTERS
    assert quarters_until(today)[-1] == "2026-Q1"
