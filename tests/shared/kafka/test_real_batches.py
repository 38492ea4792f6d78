"""Appending to a real Kafka."""

import pytest

from shared.errors import Malformed
from shared.kafka.admin import make_topics
from shared.kafka.batches import Appender, Outgoing
from shared.kafka.scan import bounds, scan
from shared.settings import Settings
from shared.topics import LOG

pytestmark = pytest.mark.real


async def test_many_large_records_stand_on_the_log_in_order_where_it_was_told(stack_settings: dict[str, str]) -> None:
    names = {name.removeprefix("GUANXI_").lower(): value for name, value in stack_settings.items()}
    settings = Settings.model_validate(names | {"partitions": 2})
    await make_topics(settings)
    topic = LOG.full_name(settings)
    appender = Appender(settings)
    records = [Outgoing(n % 2, b"k", b"%06d" % n * 5_000, [("n", b"%d" % n)]) for n in range(120)]
    places = await appender.append(topic, records)
    with pytest.raises(Malformed, match="too large"):
        await appender.append(topic, [Outgoing(0, b"k", b"v" * 2_000_000, [])])
    places += await appender.append(topic, [Outgoing(0, b"k", b"last", [("n", b"120")])])
    await appender.close()
    begins, ends = await bounds(settings, topic)
    found: dict[tuple[int, int], int] = {}
    async for batches in scan(settings, topic, begins, ends):
        for partition, batch in batches.items():
            found |= {(partition, record.offset): int(dict(record.headers)["n"]) for record in batch}
    assert found == {place: n for n, place in enumerate(places)}
    assert places == [(n % 2, n // 2) for n in range(121)]
