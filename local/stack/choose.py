"""Which Kafka and which MongoDB: those the environment names, else what this machine has, in order."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from local.stack import containers, embedded, kafka, mongod
from local.stack.errors import StackError


class Kind(StrEnum):
    """Where a backing server comes from."""

    GIVEN = "given"  # endpoint from the environment
    DOCKER = "docker"
    LOCAL = "local"  # a process of this machine: Java for Kafka, the wheel for mongod
    EMBEDDED = "embedded"  # librdkafka's, in place of Kafka only


#: Tests take what is nearest to production; people at a terminal what is quickest and needs nothing.
FOR_TESTS = (Kind.DOCKER, Kind.LOCAL, Kind.EMBEDDED)
FOR_PEOPLE = (Kind.LOCAL, Kind.DOCKER, Kind.EMBEDDED)


@dataclass(frozen=True)
class Choice:
    """reasons: why the kinds before it were not used, one line each."""

    kafka: Kind
    mongo: Kind
    reasons: tuple[str, ...]


def choose(
    order: Sequence[Kind], environment: Mapping[str, str] = os.environ, *, real_kafka_only: bool = False
) -> Choice:
    """The first available kind of `order`, for each of the two servers.

    GUANXI_KAFKA_BOOTSTRAP and GUANXI_MONGO_URI name servers that run already; GUANXI_STACK (local, docker or
    embedded) forces one kind. Raises StackError, with every reason and what to install, when nothing serves.
    """
    forced = environment.get("GUANXI_STACK", "").strip()
    if forced:
        try:
            order = (Kind(forced),)
        except ValueError:
            raise StackError(f"GUANXI_STACK={forced}: must be local, docker or embedded") from None
    reasons: list[str] = []
    kafka_order = [kind for kind in order if not (real_kafka_only and kind is Kind.EMBEDDED)]
    mongo_order = [kind for kind in order if kind is not Kind.EMBEDDED] or [Kind.LOCAL, Kind.DOCKER]
    return Choice(
        kafka=Kind.GIVEN
        if environment.get("GUANXI_KAFKA_BOOTSTRAP")
        else _first("Kafka", kafka_order, _why_no_kafka, reasons, "install Java 17 and Maven, or Docker"),
        mongo=Kind.GIVEN
        if environment.get("GUANXI_MONGO_URI")
        else _first("MongoDB", mongo_order, _why_no_mongo, reasons, "install Docker, or MongoDB 6 or later"),
        reasons=tuple(reasons),
    )


def _why_no_kafka(kind: Kind) -> str | None:
    match kind:
        case Kind.DOCKER:
            return containers.why_not("kafka")
        case Kind.LOCAL:
            return kafka.why_not()
        case _:
            return embedded.why_not()


def _why_no_mongo(kind: Kind) -> str | None:
    return containers.why_not("mongo") if kind is Kind.DOCKER else mongod.why_not()


def _first(
    name: str, order: Sequence[Kind], why_not: Callable[[Kind], str | None], reasons: list[str], remedy: str
) -> Kind:
    against: list[str] = []
    for kind in order:
        reason = why_not(kind)
        if reason is None:
            reasons += against
            return kind
        against.append(f"{name}: not {kind}, as {reason}")
    raise StackError("\n  ".join([f"can't start {name} here; {remedy}", *against]))
