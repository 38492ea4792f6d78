"""Who may do what in MongoDB: a role and a user for each service, readers of views, the operator.

All of them live in guanxi's database and have rights in it alone. A service has its own collections, for its current
generation and those to come, and reads what it needs of others'. A reader has views, never a collection.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pydantic import SecretStr
from pymongo.errors import OperationFailure

from shared.errors import Stop
from shared.mongo import Database, connect, transient_errors
from shared.mongo.applied import COLLECTION as APPLIED
from shared.mongo.applied import must_change, note_applied
from shared.mongo.due import BACKFILLS
from shared.mongo.generations import COLLECTION as GENERATIONS
from shared.mongo.policies import COLLECTION as POLICIES
from shared.mongo.schema import pinned
from shared.mongo.shards import ROLE as SHARDS
from shared.mongo.trail import RIGHTS as READING_RIGHTS
from shared.service import Privileges, Service
from shared.settings import Settings

READ = ("find",)
WRITE = ("find", "insert", "remove", "update")
GENERATIONS_AHEAD = 8
"""Rebuilds that may hand over before set-up runs again (it runs at every start): rights name collections."""
SETUP, OPERATOR, READER, CONFIDENTIAL, DOOR = "setup", "operator", "reader", "confidential", "texts"
"""DOOR: of the process by which people read texts, for that alone."""
_WRONG_PASSWORD = 18


@dataclass(frozen=True, slots=True)
class Role:
    """A role of this database: what it may do with which collections, and the built-in roles that it has besides."""

    name: str
    privileges: Privileges = field(default_factory=dict)
    inherits: tuple[str, ...] = ()


def wanted_roles(services: Sequence[Service], generations: Mapping[str, int]) -> list[Role]:
    """All roles; `generations` are the current ones by service."""
    spans = {service.name: _span(generations[service.name]) for service in services}
    shown = {
        view: (view.name, *(pinned(view.name, number) for number in spans[service.name]))
        for service in services
        for view in service.schema.views
    }
    views = {name: view.confidential for view, names in shown.items() for name in names}
    by_name = {
        collection: tuple(f"{collection}_g{number}" for number in spans[service.name])
        for service in services
        for collection in service.schema.collections
    }
    by_name |= {every_generation(collection): names for collection, names in by_name.items()}
    by_name |= {view.name: names for view, names in shown.items()}
    return [
        *(_service_role(service, spans[service.name], by_name) for service in services),
        Role(role_of(READER), {name: READ for name, confidential in views.items() if not confidential}),
        Role(role_of(CONFIDENTIAL), dict.fromkeys(views, READ)),
        Role(role_of(DOOR), READING_RIGHTS),
        # Rebuilds, repairs, backups and the erasure of persons reach everything; users and rights they do not.
        Role(role_of(OPERATOR), inherits=("dbAdmin", "readWrite")),
    ]


def every_generation(collection: str) -> str:
    """How a right names what is stored, where a view has the collection's name."""
    return f"{collection}_g*"


def role_of(user: str) -> str:
    """The name of the role of a user of ours."""
    return f"guanxi_{user}"


def _span(generation: int) -> range:
    return range(max(1, generation - 1), generation + GENERATIONS_AHEAD + 1)


def _service_role(service: Service, span: range, views: Mapping[str, tuple[str, ...]]) -> Role:
    schema = service.schema
    own = [f"{name}_g{number}" for name in schema.collections for number in span]
    privileges: dict[str, tuple[str, ...]] = dict.fromkeys((*own, *schema.plain_collections), WRITE)
    privileges |= {POLICIES: READ, BACKFILLS: READ, APPLIED: READ}
    # A reader that meets a handover which did not end opens the positions again (shared/mongo/generations.py).
    privileges[GENERATIONS] = ("find", "update") if schema.collections else READ
    for named, actions in service.rights.items():
        privileges |= dict.fromkeys(views.get(named, (named,)), actions)
    return Role(role_of(service.name), {name: actions for name, actions in privileges.items() if actions})


async def set_roles(database: Database, roles: Iterable[Role]) -> list[str]:
    """Make or update the roles; says what was done. Raises Stop when somebody else changed one."""
    done: list[str] = []
    for role in roles:
        wanted = {"privileges": {name: sorted(role.privileges[name]) for name in role.privileges}}
        wanted["roles"] = {name: [database.name] for name in sorted(role.inherits)}
        what = f"role {role.name}"
        found = await _found_role(database, role.name)
        between = partial(is_between, found, wanted)
        if not await must_change(database, what, found, wanted, between):
            continue
        if found is None:
            empty = {"createRole": role.name, "privileges": [], "roles": []}
            async with transient_errors():
                await database.command(empty)
        await _turn(database, role.name, found or {"privileges": {}, "roles": {}}, wanted)
        await note_applied(database, what, wanted)
        done.append(f"MongoDB {what} {'created' if found is None else 'updated'}")
    return done


Rights = Mapping[str, Mapping[str, Sequence[str]]]
"""`privileges`: actions by collection; `roles`: databases by built-in role."""


async def _turn(database: Database, role: str, found: Rights, wanted: Rights) -> None:
    """Give what is missing, then take what is too much. `updateRole` does both at once, but asks for rights on every
    database; these ask for rights on this one.
    """
    for verb, to, these in (("grant", "To", _beyond(wanted, found)), ("revoke", "From", _beyond(found, wanted))):
        privileges = [
            {"resource": _resource(database, name), "actions": actions} for name, actions in these["privileges"].items()
        ]
        inherited = [{"role": name, "db": where} for name, places in these["roles"].items() for where in places]
        async with transient_errors():
            if privileges:
                await database.command({f"{verb}Privileges{to}Role": role, "privileges": privileges})
            if inherited:
                await database.command({f"{verb}Roles{to}Role": role, "roles": inherited})


def _resource(database: Database, name: str) -> dict[str, Any]:
    """A collection of ours by its name; whatever else by its text, as `_found_role` gives it."""
    foreign: dict[str, Any] = json.loads(name) if name.startswith("{") else {}
    return foreign or {"db": database.name, "collection": name}


def _beyond(these: Rights, those: Rights) -> dict[str, dict[str, list[str]]]:
    """What these have and those have not."""
    found: dict[str, dict[str, list[str]]] = {}
    for kind in ("privileges", "roles"):
        more = {name: sorted(set(some) - set(those[kind].get(name, ()))) for name, some in these[kind].items()}
        found[kind] = {name: some for name, some in more.items() if some}
    return found


def is_between(found: Rights | None, wanted: Rights, last: Rights) -> bool:
    """Whether a set-up that was turning `last` into `wanted` may have ended here: nothing that neither has, and all
    that both have.
    """
    here = found or wanted
    foreign, lost = _beyond(_beyond(here, last), wanted), _beyond(_beyond(last, here), _beyond(last, wanted))
    return not any((*foreign.values(), *lost.values()))


async def _found_role(database: Database, name: str) -> dict[str, Any] | None:
    async with transient_errors():
        answer = await database.command({"rolesInfo": name, "showPrivileges": True})
    if not answer["roles"]:
        return None
    role = answer["roles"][0]
    privileges = {}
    for one in role["privileges"]:
        resource = one["resource"]
        ours = resource.get("db") == database.name and resource.get("collection")
        privileges[resource["collection"] if ours else json.dumps(resource)] = sorted(one["actions"])
    inherits: dict[str, list[str]] = {}
    for one in role["roles"]:
        inherits.setdefault(one["role"], []).append(one["db"])
    return {"privileges": privileges, "roles": inherits}


async def set_users(settings: Settings, database: Database, passwords: Mapping[str, str]) -> list[str]:
    """Make the users with these passwords, each with the role of its name; says what was done. Others may exist if they
    have readers' roles only. Raises Stop when one has rights that it should not have.
    """
    async with transient_errors():
        found = {one["user"]: one for one in (await database.command({"usersInfo": 1}))["users"]}
    _refuse_strangers(database, found, passwords)
    done: list[str] = []
    for name, password in passwords.items():
        roles = [{"role": role_of(name), "db": database.name}]
        if name not in found:
            async with transient_errors():
                await database.command({"createUser": name, "pwd": password, "roles": roles})
            done.append(f"MongoDB user {name} created")
        elif not await _can_log_in(settings, name, password):
            async with transient_errors():
                await database.command({"updateUser": name, "pwd": password})
            done.append(f"MongoDB user {name} has a new password")
    return done


def _refuse_strangers(database: Database, found: Mapping[str, Any], ours: Mapping[str, str]) -> None:
    """A user of ours has its role and no other, but that set-up and the operator may shard collections; one that
    somebody else made may read views.
    """
    readers = {(role_of(name), database.name) for name in (READER, CONFIDENTIAL)}
    for name, user in found.items():
        has = {(role["role"], role["db"]) for role in user["roles"]}
        may = {("dbOwner", database.name)} if name == SETUP else readers
        if name in ours:
            may = {(role_of(name), database.name)}
        if name in {SETUP, OPERATOR}:
            has -= {(SHARDS, "admin")}
        if has - may or (name in ours and has != may):
            raise Stop(
                f"the MongoDB user {name} has the roles {_roles(has)}, guanxi expects "
                f"{'' if name in ours else 'at most '}{_roles(may)}; correct it with db.updateUser, or drop the user"
            )


def _roles(roles: Iterable[tuple[str, str]]) -> str:
    return ", ".join(sorted(f"{name}@{database}" for name, database in roles)) or "none"


async def _can_log_in(settings: Settings, user: str, password: str) -> bool:
    theirs = settings.model_copy(update={"mongo_username": user, "mongo_password": SecretStr(password)})
    database = connect(theirs)
    try:
        async with transient_errors():
            try:
                await database.command("ping")
            except OperationFailure as error:
                if error.code == _WRONG_PASSWORD:
                    return False
                raise
        return True
    finally:
        database.client.close()


async def found_roles(database: Database) -> set[str]:
    """Names of the roles of this database. Raises Transient, also where they may not be seen."""
    async with transient_errors():
        return {one["role"] for one in (await database.command({"rolesInfo": 1}))["roles"]}


async def found_users(database: Database) -> set[str]:
    """Names of the users of this database. Raises Transient, also where they may not be seen."""
    async with transient_errors():
        return {one["user"] for one in (await database.command({"usersInfo": 1}))["users"]}
