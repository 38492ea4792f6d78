"""MongoDB against the code: collections, indexes, validators and views; generations; the server itself."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from operations.doctor.symptoms import Findings
from operations.doctor.topics import say_room
from services import SERVICES
from shared.mongo import Database, transient_errors
from shared.mongo.applied import canonical
from shared.mongo.generations import current_generation
from shared.mongo.relogs import relog_under_way
from shared.mongo.schema import Index, Schema, pinned
from shared.mongo.shards import OLDEST_WIRE_VERSION, found_keys, hello, is_router, key_of, says_router
from shared.settings import Settings

SCHEMA, QUARANTINE, GENERATIONS = "schema", "quarantine", "generations"
_SET_UP = "run 'guanxi setup'"


async def look_at_schema(database: Database, findings: Findings) -> None:
    """Everything that set-up creates exists and matches the code."""
    async with transient_errors():
        found = {one["name"]: one async for one in await database.list_collections()}
    shard_keys = await found_keys(database) if await is_router(database) else None
    counted = [0, 0, 0]
    for schema in (service.schema for service in SERVICES.values()):
        generation = await current_generation(database, schema.service)

        def name(base: str, generation: int = generation) -> str:
            return f"{base}_g{generation}"

        for collection in [*map(name, schema.collections), *schema.plain_collections]:
            counted[0] += 1
            if collection not in found:
                why = "the service that writes it fails, and readers see nothing"
                findings.wrong(SCHEMA, f"the collection {collection} is missing", why, _SET_UP)
        indexes = schema.all_indexes(behind_router=shard_keys is not None)
        counted[1] += await _look_at_indexes(database, indexes, name, found, findings)
        if shard_keys is not None:
            _look_at_shard_keys(schema, name, shard_keys, found, findings)
        _look_at_validators(schema, found, findings)
        for view in schema.views:
            target = schema.definition(view, name)
            for shown in (view.name, pinned(view.name, generation)):
                counted[2] += 1
                _look_at_view(shown, target, found.get(shown), findings)
    sharded = "" if shard_keys is None else f"; {len(shard_keys)} collections are sharded"
    findings.checked[SCHEMA] = f"{counted[0]} collections, {counted[1]} indexes, {counted[2]} views{sharded}"


async def _look_at_indexes(
    database: Database, expected: Sequence[Index], name: Any, found: Mapping[str, Any], findings: Findings
) -> int:
    wanted: dict[str, list[Index]] = {}
    for index in expected:
        wanted.setdefault(index.real_name(name), []).append(index)
    count = 0
    for collection, indexes in wanted.items():
        if collection not in found:
            continue
        async with transient_errors():
            there = {one["name"]: one async for one in database[collection].list_indexes()}
        for index in indexes:
            count += 1
            model = dict(index.model().document)
            is_there = there.pop(model["name"], None)
            if is_there is None:
                why = "without it, queries read the whole collection, or documents are not unique or do not expire"
                findings.wrong(SCHEMA, f"{collection} has no index {model['name']}", why, _SET_UP)
            elif differs := _differing(model, is_there):
                why = "the code relies on another definition"
                do = "drop it, then run 'guanxi setup'"
                findings.wrong(SCHEMA, f"index {model['name']} of {collection} differs in {differs}", why, do)
        others = sorted(set(there) - {"_id_"})
        if others:
            why = "each index slows every write, and the code does not use this one"
            what = f"{collection} has extra indexes: {', '.join(others)}"
            findings.warn(SCHEMA, what, why, "drop them if nothing needs them")
    return count


def _look_at_shard_keys(
    schema: Schema, name: Any, shard_keys: Mapping[str, Any], found: Mapping[str, Any], findings: Findings
) -> None:
    for index in schema.shard_keys():
        collection, wanted = index.real_name(name), key_of(index.fields[0])
        is_now = shard_keys.get(collection)
        if collection not in found or is_now == wanted:
            continue
        if is_now is None:
            why = "it stays on one shard, which fills and slows down while others are idle"
            findings.wrong(SCHEMA, f"{collection} is not sharded", why, _SET_UP)
        else:
            why = "each batch asks all shards, or is refused"
            do = f"reshard it by {wanted} (db.adminCommand({{reshardCollection: ...}})), then {_SET_UP}"
            findings.wrong(SCHEMA, f"{collection} is sharded by {is_now}, not by {wanted}", why, do)


_OPTIONS = ("key", "unique", "sparse", "expireAfterSeconds", "partialFilterExpression")


def _differing(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    def plain(value: Any) -> Any:
        return list(value.items()) if isinstance(value, Mapping) else value

    return ", ".join(option for option in _OPTIONS if plain(wanted.get(option)) != plain(found.get(option)))


def _look_at_validators(schema: Schema, found: Mapping[str, Any], findings: Findings) -> None:
    for collection, wanted in schema.validators.items():
        options = found.get(collection, {}).get("options", {})
        if (
            canonical(options.get("validator")) != canonical({"$jsonSchema": wanted})
            or options.get("validationLevel", "strict") != "strict"
        ):
            why = "documents of another shape could be written by hand and stop a service"
            do = "run 'guanxi setup'; it says what to do if someone else changed it"
            findings.wrong(SCHEMA, f"the validator of {collection} differs from the code", why, do)


def _look_at_view(name: str, wanted: Mapping[str, Any], found: Mapping[str, Any] | None, findings: Findings) -> None:
    if found is None:
        findings.wrong(SCHEMA, f"the view {name} is missing", "readers see nothing", _SET_UP)
    elif found["type"] != "view":
        why = "readers see this collection instead of what the services fold"
        findings.wrong(SCHEMA, f"{name} is a collection, not a view", why, f"rename it, then {_SET_UP}")
    elif differs := [key for key, value in wanted.items() if canonical(found["options"].get(key)) != canonical(value)]:
        what = f"view {name} differs from the code in {' and '.join(differs)}"
        why = "readers see other fields or another generation than documented"
        findings.wrong(SCHEMA, what, why, "run 'guanxi setup'; it says what to do if someone else changed it")


async def look_at_generations(database: Database, settings: Settings, findings: Findings) -> None:
    """Which log is current, and whether a relog is unfinished."""
    current = await current_generation(database, "log")
    told = [f"log {current}"] + [f"{one} {await current_generation(database, one)}" for one in SERVICES.folding]
    findings.checked[GENERATIONS] = ", ".join(told)
    if current != settings.log_generation:
        what = f"GUANXI_LOG_GENERATION is {settings.log_generation} here, but the current log generation is {current}"
        why = "a process with this setting uses another log than the others, or stops"
        findings.wrong(GENERATIONS, what, why, f"set GUANXI_LOG_GENERATION={current} for every process")
    if await relog_under_way(database) is not None:
        why = "nothing may read or write the log until it completes"
        do = "run the same relog again to continue, or abandon it with --abandon"
        findings.wrong(GENERATIONS, "a relog is unfinished", why, do)


async def look_at_quarantine(database: Database, findings: Findings) -> None:
    """Frozen customers."""
    frozen = 0
    for service in SERVICES.folding:
        generation = await current_generation(database, service)
        async with transient_errors():
            query = {"_id": {"$regex": f"^g{generation}/"}}
            some = await database[f"{service}_quarantine"].find(query).sort("_id", 1).to_list(1000)
        frozen += len(some)
        if some:
            first = some[0]
            what = f"{service}: {len(some)} records could not be folded; the first is of {first['key'] or '?'}"
            what += f" at {first['partition']}/{first['offset']}: {first['reason']}"
            why = "these customers are frozen: their events are no longer folded or decided on"
            do = f"after a fix: guanxi rebuild {service} --customer ID"
            findings.wrong(QUARANTINE, what, why, do)
    findings.checked[QUARANTINE] = f"{frozen} records"


async def look_at_server(database: Database, findings: Findings) -> None:
    """Disk space, and what transactions need."""
    async with transient_errors():
        stats = await database.command("dbStats")
    said = await hello(database)
    # A router tells of each shard by itself.
    for shard, disk in stats.get("raw", {"": stats}).items():
        if disk.get("fsTotalSize"):
            usable = int(disk["fsTotalSize"] - disk["fsUsedSize"])
            say_room("MongoDB", shard.partition("/")[0], usable, int(disk["fsTotalSize"]), findings)
    if says_router(said):
        if said["maxWireVersion"] < OLDEST_WIRE_VERSION:
            why = "readers' questions look up texts in a sharded collection within a transaction, which it refuses"
            findings.wrong(SCHEMA, "MongoDB's router is older than 8.0", why, "upgrade the cluster to 8.0 or later")
    elif "setName" not in said:
        why = "transactions need one, and exactly-once needs transactions"
        do = "start mongod with --replSet and initiate it"
        findings.wrong(SCHEMA, "MongoDB is not a replica set", why, do)


async def mongo_clock(database: Database) -> tuple[datetime, datetime, datetime]:
    """MongoDB's clock, between two readings of ours."""
    before = datetime.now(UTC)
    async with transient_errors():
        said = await database.command("hello")
    local: datetime = said["localTime"]
    return before, local if local.tzinfo else local.replace(tzinfo=UTC), datetime.now(UTC)
