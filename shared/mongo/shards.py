"""Where a router of a sharded cluster answers: collections over several shards (docs/adr/0045-sharded-by-customer.md).

Tried against a router of the tests' own in front of one real server; never against real shards.
"""

import re
from collections.abc import Mapping
from typing import Any

from pymongo.errors import OperationFailure

from shared.errors import Stop
from shared.mongo import Database, transient_errors

ROLE = "guanxi_shards"
"""A role of `admin`, made by whoever keeps the cluster, for who sets up and who operates: to shard collections of this
database, and to read by what they are sharded. Roles of the database itself cannot hold either."""
OLDEST_WIRE_VERSION = 25
"""MongoDB 8.0: older routers look nothing up in a sharded collection within a transaction, as readers' questions do."""
_UNAUTHORIZED, _SHARDED_OTHERWISE = 13, 23
_HOW = 'docs/cluster.md, "A sharded MongoDB", says how'


async def hello(database: Database) -> Mapping[str, Any]:
    """What answers says of itself. Raises Transient."""
    async with transient_errors():
        found: Mapping[str, Any] = await database.command("hello")
    return found


def says_router(said: Mapping[str, Any]) -> bool:
    """Whether it is a router, by what it said."""
    return said.get("msg") == "isdbgrid"


async def is_router(database: Database) -> bool:
    """Whether a router answers. Raises Transient."""
    return says_router(await hello(database))


def is_routed(database: Database) -> bool:
    """The same, by what the client has found out so far; asks nothing."""
    client: Any = database.client
    return client.topology_description.topology_type_name in {"Sharded", "LoadBalanced"}


def key_of(field: str) -> dict[str, str]:
    """The shard key of a collection that is sharded by a field's hash."""
    return {field: "hashed"}


async def found_keys(database: Database) -> dict[str, dict[str, Any]]:
    """The shard keys of the database's collections, by collection. Raises Stop where they may not be read."""
    listed = database.client.get_database("config")["collections"]
    ours = {"_id": {"$regex": f"^{re.escape(database.name)}\\."}, "unsplittable": {"$ne": True}}
    async with transient_errors():
        try:
            found = await listed.find(ours, {"key": 1}).to_list(None)
        except OperationFailure as error:
            raise _refused(error) from error
    return {one["_id"].removeprefix(f"{database.name}."): dict(one["key"]) for one in found}


async def shard(database: Database, wanted: Mapping[str, str]) -> None:
    """Shard the collections that are not, each by the hash of a field, of which it has an index. Raises Stop where one
    is sharded by something else, or the router refuses; Transient.
    """
    known = await found_keys(database) if wanted else {}
    for collection, field in wanted.items():
        if known.get(collection) == key_of(field):
            continue
        command = {"shardCollection": f"{database.name}.{collection}", "key": key_of(field)}
        async with transient_errors():
            try:
                await database.client.get_database("admin").command(command)
            except OperationFailure as error:
                if error.code == _SHARDED_OTHERWISE:
                    is_now = known.get(collection)
                    raise Stop(f"{collection} is sharded by {is_now}, not by {key_of(field)}; {_HOW}") from error
                raise _refused(error) from error


def _refused(error: OperationFailure) -> Exception:
    if error.code == _UNAUTHORIZED:
        return Stop(f"MongoDB is sharded, and this user lacks the role {ROLE}; {_HOW}")
    return error
