"""`guanxi setup --rights` on real servers without users: it sees the topics that set-up made, and changes nothing."""

import pytest

from operations.setup.rights import wanted
from operations.setup.run import SetupSettings, set_up
from shared.mongo import connect
from shared.topics import TOPICS
from tests.operations.setup.test_rights import of
from tests.services.query.stand import POLICY

pytestmark = pytest.mark.real


async def test_what_set_up_made_is_there_and_what_it_may_not_make_is_missing(stack_settings: dict[str, str]) -> None:
    names = {name.removeprefix("GUANXI_").lower(): value for name, value in stack_settings.items()}
    settings = SetupSettings.model_validate({**names, "policy": POLICY})
    database = connect(settings)
    try:
        before = await wanted(settings, database)
        assert of(before, "topic", False) == {one.full_name(settings) for one in TOPICS}
        assert await database.list_collection_names() == []
        await set_up(settings)
        after = await wanted(settings, database)
    finally:
        database.client.close()
    assert of(after, "topic", True) == {one.full_name(settings) for one in TOPICS}
    assert "guanxi_tiering" in of(after, "MongoDB role", False)
    assert of(after, "Kafka right", None), "a broker without rights does not tell of any"
