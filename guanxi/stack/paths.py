"""Where the stack's files are."""

import os
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
DEPLOY_KAFKA = REPOSITORY / "deploy" / "kafka"


def cache_folder() -> Path:
    """What can be fetched or made again: $XDG_CACHE_HOME/guanxi, made if need be."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base) / "guanxi"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
