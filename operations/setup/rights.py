"""What others must do where set-up has no right to: topics, users and rights, each with the command that makes it.

A managed Kafka or MongoDB has its own way for most of it (docs/managed.md); the commands say exactly what is wanted.
Nothing here changes anything.
"""

import json
from collections.abc import Awaitable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from operations.setup.run import SetupSettings
from services import SERVICES
from shared.errors import GuanxiError
from shared.kafka.access import OPERATOR, find_rights, wanted_acls
from shared.kafka.inspect import FoundTopic, inspect
from shared.kafka.requests import Acl, Operation, Pattern, Resource
from shared.mongo import Database
from shared.mongo.access import CONFIDENTIAL, DOOR, Role, found_roles, found_users, role_of, wanted_roles
from shared.mongo.generations import FIRST, current_generation
from shared.settings import Settings
from shared.topics import TOPICS, Topic, durable

T = TypeVar("T")
_SAID = {True: "there", False: "missing", None: "not seen"}
_FLAG = {Resource.TOPIC: "--topic {}", Resource.GROUP: "--group {}", Resource.CLUSTER: "--cluster"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """One thing. there: whether it is; None where this process may not see it, or the server does not answer."""

    kind: str
    what: str
    command: str
    there: bool | None


async def wanted(settings: SetupSettings, database: Database) -> list[Wanted]:
    """All of it, with what can be seen of it."""
    services = list(SERVICES.values())
    upstreams, downstreams = settings.upstreams.split(","), settings.downstreams.split(",")
    acls = sorted(wanted_acls(settings, services, upstreams, downstreams))
    generations = {one.name: await _seen(current_generation(database, one.name)) or FIRST for one in services}
    roles = wanted_roles(services, generations)
    users = [*(one.name for one in services), OPERATOR, CONFIDENTIAL, DOOR]
    topics = await _seen(inspect(settings))
    by_name = None if topics is None else {one.name: one for one in topics.topics}
    rights = await _seen(find_rights(settings))
    there, known = await _seen(found_roles(database)), await _seen(found_users(database))
    return [
        *(_topic(settings, one, by_name) for one in TOPICS),
        *(_kafka_user(one) for one in sorted({one.principal for one in acls})),
        *(_acl(settings, one, rights) for one in acls),
        *(_role(database.name, one, there) for one in roles),
        *(_mongo_user(database.name, one, known) for one in users),
    ]


async def _seen(look: Awaitable[T]) -> T | None:
    try:
        return await look
    except GuanxiError:
        return None


def _topic(settings: Settings, topic: Topic, found: Mapping[str, FoundTopic] | None) -> Wanted:
    name, config = topic.full_name(settings), topic.config() | durable(settings.replication)
    words = [
        f"kafka-topics.sh --bootstrap-server {settings.kafka_bootstrap} --create --topic {name}",
        f"--partitions {topic.partitions(settings)} --replication-factor {settings.replication}",
        *(f"--config {key}={value}" for key, value in config.items()),
    ]
    return Wanted("topic", name, " ".join(words), None if found is None else found[name].exists)


def _kafka_user(name: str) -> Wanted:
    return Wanted("Kafka user", name, f"a user, service account or certificate that Kafka calls User:{name}", None)


def _acl(settings: Settings, acl: Acl, found: set[Acl] | None) -> Wanted:
    prefixed = " --resource-pattern-type prefixed" if acl.pattern == Pattern.PREFIXED else ""
    command = (
        f"kafka-acls.sh --bootstrap-server {settings.kafka_bootstrap} --add --allow-principal User:{acl.principal} "
        f"--operation {Operation(acl.operation).name} {_FLAG[Resource(acl.resource)].format(acl.name)}{prefixed}"
    )
    return Wanted("Kafka right", str(acl), command, None if found is None else acl in found)


def _role(database: str, role: Role, found: set[str] | None) -> Wanted:
    privileges = [
        {"resource": {"db": database, "collection": name}, "actions": sorted(actions)}
        for name, actions in role.privileges.items()
    ]
    inherits = [{"role": name, "db": database} for name in role.inherits]
    made = {"role": role.name, "privileges": privileges, "roles": inherits}
    command = f"db.getSiblingDB({json.dumps(database)}).createRole({json.dumps(made)})"
    return Wanted("MongoDB role", role.name, command, None if found is None else role.name in found)


def _mongo_user(database: str, name: str, found: set[str] | None) -> Wanted:
    role = json.dumps([{"role": role_of(name), "db": database}])
    command = (
        f"db.getSiblingDB({json.dumps(database)}).createUser"
        f"({{user: {json.dumps(name)}, pwd: passwordPrompt(), roles: {role}}})"
    )
    # One that is not here may be known by another database, such as admin.
    return Wanted("MongoDB user", name, command, True if found is not None and name in found else None)


def lines(found: list[Wanted]) -> Iterator[str]:
    """For people: what is missing or not seen with its command, what is there by its name."""
    for one in found:
        yield f"{_SAID[one.there]:<9} {one.kind} {one.what}"
        if not one.there:
            yield f"          {one.command}"
    yield ", ".join(f"{sum(one.there is there for one in found)} {word}" for there, word in _SAID.items())
