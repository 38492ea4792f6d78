"""Where the stack's files are."""

from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
DEPLOY_KAFKA = REPOSITORY / "deploy" / "kafka"
