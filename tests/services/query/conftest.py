"""One running world for all that only read it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from http import HTTPStatus

import pytest
from anyio.from_thread import BlockingPortal

from local.stack.backing import Backing
from tests.conftest import _delete_topics
from tests.services.query.stand import Stand, history, standing


@pytest.fixture(scope="package")
def stand(stack: Backing, portal: BlockingPortal, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """The services with the API, fed with a small history, all of which shows."""
    with portal.wrap_async_context_manager(standing(stack, tmp_path_factory.mktemp("query"))) as made:
        events = history()
        for begin in range(0, len(events), 200):
            answer = made.post(events[begin : begin + 200])
            assert not answer["refused"], [one for one in answer["events"] if one["status"] == "refused"][:3]
            made.positions.append(answer["position"])
        for position in made.positions:
            made.settle({"position": position})
        assert made.texts("C-001", key="grantee", emergency={"reason": "试"}).status_code == HTTPStatus.OK
        line = {"check": "log", "found": "ok", "what": "nothing is missing", "why": None, "do": None}
        made.put("doctor_findings", {"_id": "last", "at": datetime.now(UTC), "lines": [line]})
        yield made
    portal.call(_delete_topics, stack.kafka_bootstrap, made.environment["GUANXI_TOPIC_PREFIX"])
