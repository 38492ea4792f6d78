"""One walk on the real stack, in a real browser: sign in by the link, find a customer, ask why, log a visit, see it."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from anyio.from_thread import BlockingPortal
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.services.query.stand import POLICY, Stand, on, sent

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]
CHROMIUM = "/usr/bin/chromium"
JOB_MS = 60_000
"""For what the worker does: it looks for jobs once a second, a page for what became of them every five."""
PICTURES = os.environ.get("GUANXI_PICTURES")
"""A folder for screenshots, to be looked at."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


def link(stand: Stand, portal: BlockingPortal, *words: str) -> str:
    """What `guanxi console` prints."""

    async def printed() -> Path:
        return await stand.services.command("console", *words, timeout_s=60)

    # The log is written on to; the last line is this call's.
    path = portal.call(printed).read_text(encoding="utf-8").split()[-1]
    return stand.url() + path[path.index("/console/") :]


@contextmanager
def watched(browser: Browser, **options: object) -> Iterator[BrowserContext]:
    """A browser of somebody's own, in which nothing may be said on the console, nor a policy broken, nor another host
    asked.
    """
    context = browser.new_context(locale="en-GB", **options)  # type: ignore[arg-type]
    said: list[str] = []
    context.on("console", lambda message: said.append(message.text) if message.type in {"error", "warning"} else None)
    context.on("weberror", lambda error: said.append(str(error.error)))
    hosts: set[str] = set()
    context.on("request", lambda request: hosts.add(httpx.URL(request.url).host))
    yield context
    context.close()
    # Chromium itself names answers that are refusals.
    assert [one for one in said if "Failed to load resource" not in one] == []
    assert hosts <= {"127.0.0.1"}


def picture(page: Page, name: str) -> None:
    """Each picture is of a page on which nothing has failed, and that is not wider than the screen."""
    expect(page.locator("[data-state=failed]")).to_have_count(0)
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/{name}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), name


def signed_in(context: BrowserContext, url: str) -> Page:
    page = context.new_page()
    page.goto(url)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Today")
    return page


def test_from_the_link_to_a_visit_that_shows(stand: Stand, portal: BlockingPortal, browser: Browser) -> None:
    url = link(stand, portal, "--as", "li.wei", "--representative", "R-2")
    with watched(browser) as context, watched(browser, viewport={"width": 390, "height": 844}) as other:
        page = signed_in(context, url)
        expect(page.locator("[data-tile=plan] .card").first).to_be_visible()
        picture(page, "today")
        page.keyboard.press("/")
        page.keyboard.type("C-007")
        page.keyboard.press("Enter")
        page.get_by_role("main").get_by_role("link", name="C-007").click()
        expect(page.locator("[data-tile=class]")).to_have_attribute("data-state", "fresh")
        picture(page, "customer")
        page.get_by_role("link", name="Why: score").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Why: score")
        expect(page.locator("[data-tile=events]")).to_contain_text("purchase recorded")
        picture(page, "why")
        page.go_back()

        # Somebody else looks at the same customer meanwhile.
        second = signed_in(other, link(stand, portal, "--as", "boss"))
        second.goto(f"{stand.url()}/console/customers/C-007")
        expect(second.locator("body")).to_have_attribute("data-streaming", "yes")
        picture(second, "customer-phone")

        page.get_by_role("link", name="Log a visit").click()
        page.get_by_label("What was agreed").fill("三月再谈 <script>alert(1)</script>")
        page.get_by_label("Who was there", exact=True).fill("王芳")
        picture(page, "visit")
        page.get_by_role("button", name="Save the visit").click()
        expect(page.get_by_role("status")).to_have_text("The visit is saved.")
        for one in (page, second):
            expect(one.locator("[data-tile=contact]")).to_contain_text("三月再谈 <script>alert(1)</script>")
            expect(one.locator("[data-tile=timeline] .line").first).to_contain_text("li.wei")
        picture(page, "saved")

        # And takes it back: it stays, struck through.
        page.get_by_role("link", name="Undo").first.click()
        page.get_by_label("Reason").fill("wrong customer")
        page.get_by_role("button", name="Undo it").click()
        expect(page.locator("[data-tile=timeline] .line.voided")).to_have_count(1)
        expect(second.locator("[data-tile=timeline] .line.voided")).to_have_count(1)
        for screen in ("week", "customers", "approvals", "concerns", "health", "refused", "subscriptions"):
            second.goto(f"{stand.url()}/console/{screen}")
            expect(second.get_by_role("heading", level=1)).to_be_visible()
            picture(second, screen)
            page.goto(f"{stand.url()}/console/{screen}")
            picture(page, f"{screen}-wide")
    log = (stand.folder / "ingest.log").read_text(encoding="utf-8")
    assert not re.search(r"Traceback", log)


def test_an_operator_makes_a_subscription_looks_at_it_and_ends_it(
    stand: Stand, portal: BlockingPortal, browser: Browser
) -> None:
    words = ("--as", "op", "--role", "operator")
    with watched(browser) as context:
        page = signed_in(context, link(stand, portal, *words))
        page.goto(f"{stand.url()}/console/subscriptions")
        page.get_by_label("Address").fill("https://receiver.invalid/hook")
        page.get_by_role("button", name="Subscribe", exact=True).click()
        expect(page.locator("#made")).to_contain_text("whsec_")
        page.locator("#made").get_by_role("link").click()
        expect(page.locator("[data-tile=health]")).to_contain_text("the operator")
        expect(page.get_by_text("whsec_")).to_have_count(0)
        picture(page, "subscription")
        page.get_by_text("End it", exact=True).click()
        page.get_by_role("button", name="Delete it").click()
        expect(page.get_by_role("status")).to_have_text("The subscription is deleted.")
    assert stand.documents("subscriptions", {"sink": "https://receiver.invalid/hook"}) == []


def test_a_form_with_everything_wrong_names_each_field_and_a_session_that_ended_loses_nothing(
    stand: Stand, portal: BlockingPortal, browser: Browser
) -> None:
    with watched(browser) as context:
        page = signed_in(context, link(stand, portal, "--as", "chen"))
        page.goto(f"{stand.url()}/console/customers/C-008/override")
        page.get_by_label("Until").fill("")
        page.get_by_label("Reason").fill("because")
        page.get_by_role("button", name="Set the tier").click()
        for name in ("Tier", "Asked for by", "Until"):
            expect(page.get_by_label(name)).to_have_attribute("aria-invalid", "true")
        expect(page.get_by_label("Reason")).to_have_value("because")
        picture(page, "wrong")
        portal.call(lambda: _command(stand, "console", "revoke", "chen"))
        page.get_by_label("Reason").fill("because of the contract")
        page.get_by_role("button", name="Set the tier").click()
        expect(page.get_by_role("alert")).to_contain_text("Your session has ended")
        expect(page.get_by_label("Reason")).to_have_value("because of the contract")
        picture(page, "ended")


def test_a_link_is_good_once_and_an_account_manager_sees_the_own_customers(
    stand: Stand, portal: BlockingPortal, browser: Browser
) -> None:
    words = ("--as", "R-1", "--role", "account_manager", "--rows", "R-1")
    url = link(stand, portal, *words)
    with watched(browser, viewport={"width": 390, "height": 844}) as context, watched(browser) as thief:
        page = signed_in(context, url)
        expect(page.locator("[data-tile=plan] .card").first).to_be_visible()
        picture(page, "today-phone")
        page.goto(f"{stand.url()}/console/customers")
        rows = page.locator("[data-tile=list] tbody tr")
        own = stand.documents("customers", {"account_manager": "R-1"})
        expect(rows).to_have_count(len(own))
        theirs = next(one["_id"] for one in stand.documents("customers", {"account_manager": "R-2"}))
        page.goto(f"{stand.url()}/console/customers/{theirs}")
        expect(page.get_by_role("heading", level=1)).to_have_text("404")
        page.goto(f"{stand.url()}/console/language/zh?next=/console/customers/{own[0]['_id']}")
        expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
        picture(page, "customer-zh")
        late = thief.new_page()
        late.goto(url)
        late.get_by_role("main").get_by_role("button", name="Sign in").click()
        expect(late.get_by_role("alert")).to_contain_text("has been used")
        late.goto(f"{stand.url()}/console/today")
        expect(late.get_by_role("heading", level=1)).to_have_text("Sign in")


async def _command(stand: Stand, *words: str) -> None:
    await stand.services.command(*words, timeout_s=60)


def orders(*amounts: str) -> bytes:
    """A file as a shop exports it; the third is too old for an import that is no history."""
    day = (datetime.now(UTC) - timedelta(days=3)).date().isoformat()
    days = [day, day, "2015-03-02", *[day] * len(amounts)]
    numbered = enumerate(zip(amounts, days, strict=False), start=1)
    lines = [f"IMP-{place},C-00{place},{on},{amount},CNY" for place, (amount, on) in numbered]
    return "\n".join(["order_id,customer_id,order_date,amount,currency", *lines, ""]).encode()


def drop(page: Page, name: str, content: bytes) -> None:
    file = page.get_by_label("File", exact=True)
    file.set_input_files({"name": name, "mimeType": "text/csv", "buffer": content})
    page.get_by_role("button", name="See what it holds").click()


def test_a_file_is_tried_corrected_and_imported_while_who_asked_has_left(
    stand: Stand, portal: BlockingPortal, browser: Browser
) -> None:
    words = ("--as", "importer", "--role", "operator")
    name = "<script>alert(1)</script> \u202e客户😀.csv"
    with watched(browser) as context, watched(browser, viewport={"width": 390, "height": 844}) as other:
        page = signed_in(context, link(stand, portal, *words))
        page.get_by_role("link", name="Import").click()
        picture(page, "import")
        drop(page, name, orders("1250.50", "880.00", "3.00", "7.25"))
        tile = page.locator("[data-tile=file]")
        expect(tile).to_contain_text("events pass, of 4 rows", timeout=JOB_MS)
        expect(tile.locator("tbody")).to_contain_text("time")
        assert not stand.documents("jobs", {"kind": "import"}), "nothing was sent"
        picture(page, "import-preview")

        # A mapping with everything wrong names each field; a corrected one is tried before it is sent.
        good = page.get_by_label("The mapping").input_value()
        page.get_by_label("The mapping").fill("time_zone: Nowhere\nencoding: klingon\nrules:\n  - {}\n")
        page.get_by_role("button", name="Import", exact=True).click()
        for part in ("time_zone", "encoding", "rules.0"):
            expect(page.get_by_role("alert")).to_contain_text(part)
        expect(page.get_by_label("The mapping")).to_have_value(re.compile("klingon"))
        picture(page, "import-wrong")
        page.get_by_label("The mapping").fill(f"{good}\n# mine")
        page.get_by_role("button", name="Try this mapping").click()
        expect(tile).to_contain_text("events pass, of 4 rows", timeout=JOB_MS)
        page.get_by_role("button", name="Import", exact=True).dblclick()
        expect(tile).to_contain_text(re.compile("It goes on if you leave|admitted, of"), timeout=JOB_MS)
        where = page.url
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")

        # Who comes back finds how it ended.
        again = signed_in(other, link(stand, portal, *words))
        again.goto(where)
        tile = again.locator("[data-tile=file]")
        expect(tile).to_contain_text("admitted, of 4 rows", timeout=JOB_MS)
        expect(tile.locator(".figure b")).to_have_text("3")
        picture(again, "import-phone")
        with again.expect_download() as download:
            again.get_by_role("link", name="The refused rows, as a file").click()
        rows = Path(download.value.path()).read_text(encoding="utf-8")
        assert "IMP-3" in rows
        assert "2015-03-02" in rows
        assert "IMP-1" not in rows

        # The same file once more: all of it is known.
        drop(again, "again.csv", orders("1250.50", "880.00", "3.00", "7.25"))
        again.get_by_label("The mapping").fill(f"{good}\n# mine", timeout=JOB_MS)
        again.get_by_role("button", name="Import", exact=True).click()
        expect(again.get_by_text("Nothing was sent.")).to_be_visible()
        expect(again.locator("[data-tile=file]")).to_contain_text("events pass, of 4 rows", timeout=JOB_MS)
        again.get_by_role("button", name="Import", exact=True).click()
        expect(again.locator(".figure b")).to_have_text("0", timeout=JOB_MS)
        expect(again.locator(".facts")).to_contain_text("3")
    jobs = stand.documents("jobs", {"kind": "import"})
    assert [one["status"] for one in jobs] == ["done", "done"], "pressed twice it is one"
    assert len(stand.documents("timeline", {"actor": "importer"})) == 3


def test_what_is_too_large_or_no_file_of_rows_says_so(stand: Stand, portal: BlockingPortal, browser: Browser) -> None:
    with watched(browser) as context:
        page = signed_in(context, link(stand, portal, "--as", "importer", "--role", "operator"))
        page.goto(f"{stand.url()}/console/import")
        drop(page, "orders.xlsx", b"%PDF-1.7\n" + b"x" * 99)
        expect(page.locator("[data-tile=file]").get_by_role("alert")).to_contain_text("PDF", timeout=JOB_MS)
        expect(page.get_by_role("button", name="Import", exact=True)).to_have_count(0)
        drop(page, "orders.csv", b"")
        expect(page.get_by_role("alert")).to_contain_text("the file is empty")
        # Without the script's word, as by a browser without scripts.
        page.evaluate("document.querySelector('[data-most]').removeAttribute('data-most')")
        large = stand.folder / "large.csv"
        large.write_bytes(b"a,b\n" + b"1,2\n" * (51 * 1024 * 256))
        page.get_by_label("File", exact=True).set_input_files(large)
        page.get_by_role("button", name="See what it holds").click()
        expect(page.get_by_role("alert")).to_contain_text("50 MB", timeout=JOB_MS)
        page.get_by_label("File", exact=True).set_input_files(large)
        assert (
            page.get_by_label("File", exact=True).evaluate("(one) => one.validationMessage").startswith("The file is")
        )
    assert not stand.documents("uploads", {"bytes": {"$gt": 50 * 1024 * 1024}})


def test_an_operator_corrects_what_was_refused_tries_it_and_follows_it_to_the_log(
    stand: Stand, portal: BlockingPortal, browser: Browser
) -> None:
    # Refused by admission alone, as another event of the same request came first: that the door has said, a desk shows.
    bad = [
        sent("purchase.recorded", "C-003", f"fix-{number}", 3, purchase_id="fix-1", amount=amount)
        for number, amount in enumerate(("10.00", "11.00", "12.00"))
    ]
    stand.settle(stand.post(bad, "all"))
    with watched(browser, viewport={"width": 390, "height": 844}) as context:
        page = signed_in(context, link(stand, portal, "--as", "mender", "--role", "operator"))
        page.goto(f"{stand.url()}/console/refused?subject=C-003")
        row = page.locator(".refusal", has_text="fix-1").first
        expect(row).to_be_visible(timeout=JOB_MS)
        row.get_by_role("link", name="Correct it").click()
        expect(page.get_by_label("Only these records")).to_have_value(re.compile(r"^\d+/\d+/\d+$"))
        # Everything wrong: each field is named.
        page.get_by_label("What is changed").select_option("replace")
        page.get_by_label("Field to change").fill("1 $")
        page.get_by_role("button", name="Try it").click()
        for name in ("Field to change", "Value that it has", "New value or name"):
            expect(page.get_by_label(name)).to_have_attribute("aria-invalid", "true")
        picture(page, "fix-wrong")
        page.get_by_label("What is changed").select_option("set")
        page.get_by_label("Field to change").fill("data.purchase_id")
        page.get_by_label("New value or name").fill("fix-2")
        page.get_by_role("button", name="Try it").click()
        tile = page.locator("[data-tile=fix]")
        expect(tile).to_contain_text("of 1 records pass; nothing has been sent", timeout=JOB_MS)
        assert not stand.documents("timeline", {"actor": "mender"})
        picture(page, "fix-tried")
        page.get_by_role("button", name="Send what passes").dblclick()
        expect(tile).to_contain_text("admitted, of 1 records", timeout=JOB_MS)
        expect(tile.locator(".figure b")).to_have_text("1")
        picture(page, "fix-sent")
        tile.get_by_role("link", name=re.compile("fix-1")).click()
        expect(page.locator("[data-tile=fate]")).to_contain_text("accepted", timeout=JOB_MS)
    jobs = stand.documents("jobs", {"kind": "fix", "parameters.send": True})
    assert [one["status"] for one in jobs] == ["done"], "pressed twice it is one"
    assert [one["actor"] for one in stand.documents("timeline", {"customer": "C-003", "actor": "mender"})] == ["mender"]
    (entry,) = stand.documents("audit", {"name": "mender", "what": "ended"})
    assert (entry["command"], entry["exit_code"]) == ("rejected fix", 0)


def test_of_two_operators_who_adopt_what_they_tried_one_wins_and_the_other_is_told(
    stand: Stand, portal: BlockingPortal, browser: Browser
) -> None:
    first = POLICY.read_text(encoding="utf-8")
    with watched(browser) as one, watched(browser, viewport={"width": 390, "height": 844}) as other:
        pages = [
            signed_in(context, link(stand, portal, "--as", who, "--role", "operator"))
            for context, who in ((one, "ann"), (other, "ben"))
        ]
        for page, name in zip(pages, ("ann-cny", "ben-cny"), strict=True):
            page.goto(f"{stand.url()}/console/policy")
            page.get_by_label("The text of a policy file").fill(first.replace("name: default-cny", f"name: {name}"))
            page.get_by_role("button", name="Try it").click()
            expect(page.get_by_role("button", name="Adopt it")).to_be_visible(timeout=2 * JOB_MS)
        winner, loser = pages
        winner.get_by_label("The first day on which it decides").fill("2001-01-01")
        winner.get_by_role("button", name="Adopt it").click()
        expect(winner.locator("#w-adopt-on")).to_contain_text("an hour's notice")
        expect(winner.get_by_label("The first day on which it decides")).to_have_value("2001-01-01")
        picture(winner, "adopt-wrong")
        day = on(40)
        winner.get_by_label("The first day on which it decides").fill(day)
        winner.get_by_role("button", name="Adopt it").click()
        expect(winner.get_by_role("status")).to_contain_text("ann-cny 1 is adopted", timeout=JOB_MS)
        expect(winner.locator("[data-tile=force]")).to_contain_text("announced")
        picture(winner, "adopted")
        loser.get_by_label("The first day on which it decides").fill(day)
        loser.get_by_role("button", name="Adopt it").click()
        expect(loser.get_by_role("alert")).to_contain_text("since this policy was tried", timeout=JOB_MS)
        picture(loser, "adopted-since")
    adopted = {one["name"]: one["effective_on"] for one in stand.documents("policies")}
    assert "ben-cny" not in adopted
    assert adopted["ann-cny"] == day
    (entry,) = stand.documents("audit", {"name": "ann", "what": "ended"})
    assert (entry["command"], entry["exit_code"]) == ("policy adopt", 0)


def test_of_two_who_approve_at_once_one_decides_and_the_other_is_told(
    stand: Stand, portal: BlockingPortal, browser: Browser
) -> None:
    with watched(browser) as one, watched(browser, viewport={"width": 390, "height": 844}) as other:
        pages = [
            signed_in(context, link(stand, portal, "--as", who, "--role", "head_of_sales"))
            for context, who in ((one, "first.head"), (other, "second.head"))
        ]
        for page in pages:
            page.goto(f"{stand.url()}/console/approvals")
            proposal = page.locator("[data-tile=proposals]").get_by_role("link", name="Approve").first
            proposal.click()
            expect(page.get_by_role("heading", level=1)).to_have_text("Approve strategic")
            page.get_by_label("Reason").fill("as agreed")
        first, second = pages
        first.get_by_role("button", name="Approve").click()
        expect(first.get_by_role("status")).to_have_text("The approval is stored.")
        expect(first.locator("[data-tile=proposals]")).to_contain_text("Nobody waits for an approval")
        second.get_by_role("button", name="Approve").click()
        expect(second.get_by_role("alert")).to_contain_text("this proposal is not open any more")
        expect(second.get_by_label("Reason")).to_have_value("as agreed")
        picture(second, "approved-since")
    approvals = [one["actor"] for one in stand.documents("timeline", {"kind": "tier.approved"})]
    assert "first.head" in approvals
    assert "second.head" not in approvals


def test_a_service_that_is_killed_turns_tiles_red_and_they_recover_by_themselves(
    stand: Stand, portal: BlockingPortal, browser: Browser
) -> None:
    with watched(browser) as context:
        page = signed_in(context, link(stand, portal, "--as", "boss"))
        page.goto(f"{stand.url()}/console/customers/C-009")
        contact, made = page.locator("[data-tile=contact]"), page.locator("[data-tile=class]")
        expect(contact).to_have_attribute("data-state", "fresh")
        expect(page.locator("body")).to_have_attribute("data-streaming", "yes")
        portal.call(stand.services.kill, "engagement")
        visit = sent(
            "visit.logged", "C-009", "killed", 1, visit_id="killed", consensus="谈妥", attendees=[{"name": "王芳"}]
        )
        answer = stand.post([visit])
        assert answer["accepted"] == 1
        expect(contact).to_have_attribute("data-state", "late", timeout=JOB_MS)
        expect(contact).not_to_contain_text("谈妥")
        picture(page, "killed")
        # Prices and tiers are another service's, and stay as they were.
        expect(made).not_to_have_attribute("data-state", "failed")
        portal.call(stand.services.start, "engagement")
        expect(contact).to_have_attribute("data-state", "fresh", timeout=JOB_MS)
        expect(contact).to_contain_text("谈妥")
        picture(page, "recovered")
