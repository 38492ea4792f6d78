"""Adopting on a real MongoDB: announced, append-only, and the same again changes nothing."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta

import pytest
from pydantic import SecretStr

from local.stack.paths import REPOSITORY
from operations.policy.files import PolicyFile, read_text
from operations.policy.versions import adopt_file, text_of, versions
from services.tiering.policy import in_force
from services.tiering.service import SERVICE
from shared.errors import Stop
from shared.mongo import Database, connect
from shared.mongo.policies import adopt, adopted, all_adopted
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
