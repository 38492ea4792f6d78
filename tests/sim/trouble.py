"""What goes wrong in a run: processes that die, stop or lose touch, requests that are slow or lost, and what comes in
beside what upstream sends.
"""

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from pydantic_core import to_json

from shared.events.codec import CONTENT_TYPE, decision_id, encode, format_instant
from shared.events.decisions import TierProposed
from shared.events.registry import REVIEWED
from shared.events.types import TIERS
from shared.kafka.connection import partition_of
from tests.events.log import event_of
from tests.events.wire import envelope
from tests.sim.kafka import Item
from tests.sim.loop import Hold
from tests.sim.member import Group, Member
from tests.sim.plan import PARTITIONS, Action
from tests.sim.topics import GENERATION, INBOX, LOG, REJECTED
from tests.sim.toy import LEVELS

if TYPE_CHECKING:
    from tests.sim.world import World

NOTICE_SECONDS = 1.0
"""How long the group takes to notice that a member is gone."""
ZOMBIE_SECONDS = 4.0
"""How long a process that was stopped goes on before it learns that it is out of the group."""


def review(world: "World", subject: str) -> None:
    """A review, as a sweep sends them."""
    key = f"customer:{subject}".encode()
    at, name = format_instant(world.wall()), f"review-{world.loop.time()}"
    event = envelope("", {}, type=REVIEWED, id=name, source="guanxi/toy", subject=subject, time=at)
    world.kafka.append(INBOX, partition_of(key, PARTITIONS), [Item(key, to_json(event), [CONTENT_TYPE])])


class Trouble:
    """Does the actions of a plan to a world."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._replayed = 0

    def act(self, action: Action) -> None:
        """Do what an action says, unless the time of trouble is over."""
        if self._world.calm:
            return
        if not action.operation:
            self._world.net.say(None, action.kind, f"{action.service} {action.subject} {action.seconds or ''}")
        if action.kind == "jump":
            self._world.jumped += timedelta(seconds=action.seconds)
        elif action.kind == "review":
            review(self._world, action.subject)
        elif action.kind == "replay":
            self._replay()
        elif action.kind == "rebalance":
            self._world.groups[action.service].rebalance()
        else:
            members = self._world.groups[action.service].members
            if not action.operation:
                self._trouble(members[action.member], action)
            for member in members.values():
                if action.operation and member.process.alive:
                    member.process.trap = partial(self._trapped, member, action)

    def _trapped(self, member: Member, action: Action, operation: str) -> Hold | None:
        """Whichever process asks first is meant."""
        if operation != action.operation:
            return None
        for other in self._world.groups[action.service].members.values():
            other.process.trap = None
        where = "answer" if action.answer else "request"
        self._world.net.say(member.process, operation, f"{action.kind} at the {where}, {action.seconds} s")
        if action.kind == "slow":
            return Hold(after=action.seconds) if action.answer else Hold(before=action.seconds)
        if action.kind == "lose":
            return Hold(lost="answer" if action.answer else "request")
        self._trouble(member, action)
        if action.answer:
            return None
        return Hold(never=True) if action.kind == "crash" else Hold(before=action.seconds)

    def _trouble(self, member: Member, action: Action) -> None:
        service = action.service
        group = self._world.groups[service]
        if action.kind == "crash":
            member.process.alive = False
            self._world.later(action.seconds, self._revive, service, member)
        else:
            member.reachable = False
            seconds = action.seconds
            if action.kind == "pause":
                member.process.stopped_until = self._world.loop.time() + seconds
                seconds += ZOMBIE_SECONDS
            self._world.later(seconds, self._heal, group, member)
        self._world.later(NOTICE_SECONDS, group.rebalance)

    def _revive(self, service: str, dead: Member) -> None:
        if self._world.groups[service].members[dead.number] is dead:
            self._world.start(service, dead.number)
            self._world.groups[service].rebalance()

    @staticmethod
    def _heal(group: Group, member: Member) -> None:
        member.reachable = True
        group.rebalance()

    def _replay(self) -> None:
        rejected = [record for records in self._world.kafka.partitions(REJECTED) for record in records]
        for record in rejected[self._replayed :]:
            headers = [(name, value) for name, value in record.headers if not name.startswith("guanxi-")]
            partition = self._world.chance.pick(PARTITIONS)
            self._world.kafka.append(INBOX, partition, [Item(record.key, record.value, headers)])
        self._replayed = len(rejected)

    def intrude(self) -> None:
        """A decision of nobody here, such as a forgotten process with another policy makes, comes first for each
        customer: it counts, and then has to be set right without anybody's help.
        """
        for document in self._world.mongo.find(f"{LEVELS}_g{GENERATION}", {"incomplete_since": None}):
            level = document["level"]
            decision = TierProposed(
                version=document["version"] + 1,
                after=document["fold"]["standing"][1],
                effective_on=self._world.wall().date(),
                proposed_tier=TIERS[level - 1 if level else 1],
                score="0",
                policy="stranger",
                policy_version=1,
            )
            subject = document["_id"]
            name = decision_id(subject, decision)
            event = event_of(decision, self._world.wall(), name=name, source="guanxi/toy", subject=subject)
            value, headers = encode(event)
            key = f"customer:{subject}".encode()
            self._world.kafka.append(LOG, partition_of(key, PARTITIONS), [Item(key, value, headers)])
