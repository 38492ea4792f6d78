"""The scenarios by name: a toy domain with an oracle of its own, and guanxi's own services."""

from dataclasses import replace
from typing import Any

from pydantic_core import to_json

from shared.events.event import Event
from shared.fold.entity import Entity
from shared.service import Announces
from shared.topics import TIERS
from tests.sim import checks, checks_feed, checks_outputs, checks_services, services, toy_checks, toy_upstream
from tests.sim.scenario import Scenario, Service
from tests.sim.toy import LEVELS, STEPPED


def _tell(entity: Entity[Any, Any], event: Event) -> bytes | None:
    """The toy's public topic: its accepted decisions."""
    return to_json({"key": entity.key, "version": event.data.version}) if event.type == STEPPED else None


TOY = Scenario(
    "toy",
    services=(
        Service(
            "toy",
            LEVELS,
            lambda parts, policies: parts.domain(policies),
            Announces(TIERS, _tell, lambda entity: entity.standing.version),
        ),
    ),
    subjects=toy_upstream.SUBJECTS,
    jumps_seconds=(3_600, 40_000, 86_400, 3 * 86_400, 11 * 86_400),
    policies=toy_upstream.policies,
    sends=toy_upstream.sends,
    checks=(*checks.CHECKS, *toy_checks.CHECKS, checks.rebuild_equals_live),
    batch_bytes=(1_300, 1_300, 2_500, 100_000),
    intrudes=True,
)
SERVICES = Scenario(
    "services",
    services=services.FOLDING,
    subjects=services.SUBJECTS,
    jumps_seconds=(3_600, 86_400, 8 * 86_400, 33 * 86_400, 95 * 86_400),
    policies=services.policies,
    sends=services.sends,
    checks=(*checks.CHECKS, *checks_services.CHECKS, *checks_outputs.CHECKS, checks.rebuild_equals_live),
    batch_bytes=(6_000, 100_000),
    keeps_policy=True,
    erases=True,
)
FEED = replace(
    SERVICES,
    name="feed",
    services=(services.FOLDING[0], services.FEED),
    checks=(
        *checks.CHECKS,
        *checks_services.CHECKS,
        *checks_outputs.CHECKS,
        *checks_feed.CHECKS,
        checks.rebuild_equals_live,
    ),
)
SCENARIOS = {scenario.name: scenario for scenario in (TOY, SERVICES, FEED)}
