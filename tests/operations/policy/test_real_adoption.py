"""Adopting on a real MongoDB: announced, append-only, and the same again changes nothing."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import pytest
from pydantic import SecretStr

from local.stack.paths import REPOSITORY
from operations.policy.files import PolicyFile, read_text
from operations.policy.versions import adopt_file, adopt_template, text_of, versions
from services.archives.rules.templates import in_force as ruling
from services.archives.service import SERVICE as ARCHIVES
from services.archives.template_file import OWN
from services.tiering.policy import in_force
from services.tiering.service import SERVICE
from shared.errors import Stop
from shared.mongo import Database, connect
from shared.mongo.policies import TEMPLATES, PolicyWatch, adopt, adopted, all_adopted
from shared.policies.adoption import Adopted
from shared.settings import Settings

pytestmark = pytest.mark.real
TEXT = (REPOSITORY / "deploy" / "policies" / "default-cny.yaml").read_text(encoding="utf-8")
SOON = datetime.now(UTC).date() + timedelta(days=3)


@pytest.fixture
def settings(mongo_uri: str, mongo_database: str) -> Settings:
    return Settings(mongo_uri=SecretStr(mongo_uri), mongo_database=mongo_database)


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    found = connect(settings)
    first = version(1)
    await adopt(found, first.adopted_for(first.policy.effective_on), datetime.now(UTC))
    yield found
    found.client.close()


def version(number: int, *, unknown: int = 3) -> PolicyFile:
    return read_text(
        TEXT.replace("version: 1", f"version: {number}").replace("unknown: 3 ", f"unknown: {unknown} "), "f"
    )


async def adopting(database: Database, settings: Settings, file: PolicyFile, on: date) -> bool:
    return await adopt_file(database, file, file.adopted_for(on), settings.zone)


async def test_a_version_is_adopted_once_and_decides_from_the_day_it_was_adopted_for(
    database: Database, settings: Settings
) -> None:
    second = version(2)
    assert await adopting(database, settings, second, SOON)
    assert not await adopting(database, settings, second, SOON)
    domain = await SERVICE.domain(database, settings)
    days = (SOON - timedelta(1), SOON)
    assert [in_force(domain.policies, day.toordinal()).version for day in days] == [1, 2]
    assert text_of(await all_adopted(database), "default-cny/2") == second.text


async def test_a_version_that_stands_is_not_edited(database: Database, settings: Settings) -> None:
    await adopting(database, settings, version(2), SOON)
    with pytest.raises(Stop, match="adopted with another text"):
        await adopting(database, settings, version(2, unknown=4), SOON)
    with pytest.raises(Stop, match=f"already adopted, for {SOON}"):
        await adopting(database, settings, version(2), SOON + timedelta(1))
    with pytest.raises(Stop, match="higher version"):
        await adopting(database, settings, version(1, unknown=4), SOON)


async def test_a_day_that_has_begun_is_refused(database: Database, settings: Settings) -> None:
    today = datetime.now(settings.zone).date()
    with pytest.raises(Stop, match="needs an hour's notice: the first possible day is"):
        await adopting(database, settings, version(2), today)
    assert len(await adopted(database)) == 1


async def test_a_correction_takes_the_place_of_what_has_not_begun(database: Database, settings: Settings) -> None:
    await adopting(database, settings, version(2), SOON)
    await adopting(database, settings, version(3, unknown=4), SOON)
    await adopting(database, settings, version(4), SOON + timedelta(30))
    told = versions(await all_adopted(database), datetime.now(UTC), settings.zone)
    assert [(one.version, one.state) for one in told] == [
        (1, "in force"),
        (2, "never"),
        (3, "announced"),
        (4, "announced"),
    ]
    later = versions(await all_adopted(database), datetime.now(UTC) + timedelta(20), settings.zone)
    assert [one.state for one in later] == ["past", "never", "in force", "announced"]


def template(version: int = 2, on: date = SOON, *, min_chars: int = 20) -> Adopted:
    text = (OWN / "cp-1.yaml").read_text(encoding="utf-8").replace("version: 1", f"version: {version}", 1)
    return Adopted("cp", version, on, text.replace("min_chars: 10", f"min_chars: {min_chars}"))


async def test_a_template_rules_from_its_day_beside_that_of_the_other_kind_without_a_restart(
    database: Database, settings: Settings
) -> None:
    """While none is adopted, guanxi's own rule; adopting takes up no more than the domain of archives."""
    running, now = await ARCHIVES.domain(database, settings), datetime.now(UTC)
    take_up = ARCHIVES.take_up
    assert take_up is not None

    async def taken_up(found: list[Adopted]) -> None:
        take_up(running, found)

    watch = PolicyWatch(database, settings.zone, taken_up, lambda: now, TEMPLATES)
    await watch.look()
    assert await adopt_template(database, template(), settings.zone)
    assert not await adopt_template(database, template(), settings.zone)
    now += timedelta(seconds=6)
    await watch.look()
    for domain in (running, await ARCHIVES.domain(database, settings)):
        days = (SOON - timedelta(1), SOON)
        assert [ruling(domain.templates["cp"], day.toordinal()).min_chars for day in days] == [10, 20]
        assert ruling(domain.templates["vp"], SOON.toordinal()).version == 1
    assert watch.last_begin(datetime.now(UTC)) is None
    assert watch.last_begin(datetime.now(UTC) + timedelta(days=5)) is not None


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (template(1), "higher version"),
        (template(3, date(2026, 1, 1)), "an hour's notice"),
        (template(2, min_chars=30), "adopted with another text"),
    ],
)
async def test_a_template_that_can_not_be_adopted(
    database: Database, settings: Settings, wanted: Adopted, why: str
) -> None:
    await adopt_template(database, template(), settings.zone)
    with pytest.raises(Stop, match=why):
        await adopt_template(database, wanted, settings.zone)
