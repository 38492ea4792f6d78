"""The toy as one of the services."""

import pytest
from pydantic import BaseModel

from services import SERVICES
from shared.events import registry
from tests.house.toy.events import WELCOMED, Welcomed


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one line in the list; and the decision's type, which a real service has in shared/events."""
    monkeypatch.setattr(SERVICES, "packages", (*SERVICES.packages, "tests.house.toy"))
    monkeypatch.setitem(registry.DECISIONS, WELCOMED, Welcomed)
    monkeypatch.setitem(registry.MODELS, WELCOMED, Welcomed)
    model: type[BaseModel] = Welcomed
    monkeypatch.setitem(registry.NAMES, model, WELCOMED)
