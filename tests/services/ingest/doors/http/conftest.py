from pathlib import Path

import pytest

from tests.services.ingest.doors.http.door import Door


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path)
