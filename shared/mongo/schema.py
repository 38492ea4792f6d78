"""What a service needs in MongoDB, declared: collections, validators, indexes, and the views that readers see."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pymongo import ASCENDING, HASHED, IndexModel
from pymongo.errors import CollectionInvalid, OperationFailure

from shared.errors import Stop
from shared.fold.private import PRIVATE
from shared.mongo import Database, transient_errors
from shared.mongo.applied import must_change, note_applied
from shared.mongo.filling import Moved, fill
from shared.mongo.shards import is_router, shard

Name = Callable[[str], str]
"""Returns the actual name of a collection of the current generation from its base name."""


@dataclass(frozen=True, slots=True)
class Index:
    """An index on a collection; `generational` when the collection's name carries the generation; a
    `sparse` one costs nothing for documents without the field, a `partial` one for those that do not meet its filter.
    """

    collection: str
    fields: tuple[str, ...]
    unique: bool = False
    expire_after_seconds: int | None = None
    sparse: bool = False
    partial: dict[str, Any] | None = None
    generational: bool = True
    hashed: bool = False

    def real_name(self, name: Name) -> str:
        """The collection's."""
        return name(self.collection) if self.generational else self.collection

    def model(self) -> IndexModel:
        """The driver's form."""
        options: dict[str, Any] = {name: True for name in ("unique", "sparse") if getattr(self, name)}
        if self.expire_after_seconds is not None:
            options["expireAfterSeconds"] = self.expire_after_seconds
        if self.partial is not None:
            options["partialFilterExpression"] = self.partial
        return IndexModel([(name, HASHED if self.hashed else ASCENDING) for name in self.fields], **options)


@dataclass(frozen=True, slots=True)
class View:
    """A view that readers are granted: `pipeline` gets the names of the current generation; `generational` when the
    name of the collection that it begins with carries the generation; a `confidential` one needs a role of its own.
    """

    name: str
    on: str
    pipeline: Callable[[Name], list[dict[str, Any]]]
    generational: bool = True
    confidential: bool = False


def keys(
    order: Mapping[str, int], *fields: str, among: dict[str, Any] | None = None
) -> Callable[[Name], list[dict[str, Any]]]:
    """The pipeline of a view of ids in an order that an index has (1 ascending, -1 descending), with further fields to
    filter by: for who pages through another view. An order asked for behind a view's projection would sort all rows.
    among: which documents.
    """
    match = [] if among is None else [{"$match": among}]
    sort = [{"$sort": dict(order)}] if order else []
    shown = {"$project": dict.fromkeys(("_id", *order, *fields), 1)}
    return lambda _: [*match, *sort, shown]


@dataclass(frozen=True, slots=True)
class Schema:
    """Everything of one service. `collections` are made beforehand, since a transaction should not have to.
    `dropped` are indexes of earlier versions, `moved` is what they had elsewhere. `validators` are JSON Schemas of
    plain collections, for what a person may put in by hand. `filled` are plain collections that set-up puts something
    into. `private` are fields beyond those of shared/fold/private.py that no view of the service shows. `fleeting` are
    plain collections that no backup holds. `sharded` says by the hash of which field a collection is sharded, where a
    router answers: documents that are asked for by id by `_id`, rows of customers by `customer`
    (docs/adr/0045-sharded-by-customer.md). The others are not.
    """

    service: str
    collections: tuple[str, ...] = ()
    plain_collections: tuple[str, ...] = ()
    indexes: tuple[Index, ...] = ()
    dropped: tuple[Index, ...] = ()
    moved: tuple[Moved, ...] = ()
    views: tuple[View, ...] = ()
    validators: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    filled: tuple[str, ...] = ()
    private: tuple[str, ...] = ()
    fleeting: tuple[str, ...] = ()
    sharded: Mapping[str, str] = field(default_factory=dict)

    def shard_keys(self) -> list[Index]:
        """The indexes by which collections are sharded."""
        return [
            Index(collection, (by,), generational=collection in self.collections, hashed=True)
            for collection, by in self.sharded.items()
        ]

    def all_indexes(self, *, behind_router: bool) -> list[Index]:
        """Those by which collections are sharded are there only where they are."""
        return [*self.indexes, *(self.shard_keys() if behind_router else ())]

    def definition(self, view: View, name: Name) -> dict[str, Any]:
        """A view as MongoDB keeps it. What it shows of documents that were folded is never what is private of them."""
        if not view.generational:
            return {"viewOn": view.on, "pipeline": view.pipeline(name)}
        return {"viewOn": name(view.on), "pipeline": [*view.pipeline(name), {"$unset": [*PRIVATE, *self.private]}]}


def pinned(view: str, generation: int) -> str:
    """The name of a view that stays with one generation, for readers that page: `customers.g2`."""
    return f"{view}.g{generation}"


async def point(database: Database, schema: Schema, generation: int) -> None:
    """Point the views at this generation, all at once."""

    def name(base: str) -> str:
        return f"{base}_g{generation}"

    async with transient_errors():
        await asyncio.gather(*(_point(database, view.name, schema.definition(view, name)) for view in schema.views))


async def apply(database: Database, schema: Schema, generation: int, *, with_views: bool = True) -> None:
    """Make what is missing, and point the views at this generation. Doing it again changes nothing."""

    def name(base: str) -> str:
        return f"{base}_g{generation}"

    async with transient_errors():
        await _make_collections(database, schema, generation, name)
        for collection, validator in schema.validators.items():
            await _validate(database, collection, validator)
        for view in schema.views:
            await _point(database, pinned(view.name, generation), schema.definition(view, name))
    if with_views:
        await point(database, schema, generation)


async def _make_collections(database: Database, schema: Schema, generation: int, name: Name) -> None:
    """Collections with their indexes, over shards where there are some, with what earlier versions had in them."""
    behind_router = await is_router(database)
    existing = set(await database.list_collection_names())
    for collection in [*map(name, schema.collections), *schema.plain_collections]:
        if collection not in existing:
            await _create(database, collection)
    for index in schema.all_indexes(behind_router=behind_router):
        await _index(database[index.real_name(name)], index)
    for moved in schema.moved:  # before readers are pointed to it, and before the sign of an earlier version goes
        former = await _has_former(database, schema, moved.source, name)
        await fill(database, schema.service, moved, generation, is_former=former)
    for index in schema.dropped:
        await _drop_index(database[index.real_name(name)], index)
    if behind_router:
        await shard(database, {index.real_name(name): index.fields[0] for index in schema.shard_keys()})


async def _index(collection: Any, index: Index) -> None:
    try:
        await collection.create_indexes([index.model()])
    except OperationFailure as error:
        raise Stop(f"an index of {collection.name} differs from what guanxi expects: {error}") from error


async def _has_former(database: Database, schema: Schema, collection: str, name: Name) -> bool:
    """Whether a collection has an index of an earlier version."""
    former = {index.model().document["name"] for index in schema.dropped if index.collection == collection}
    return not former.isdisjoint(await database[name(collection)].index_information())


async def _drop_index(collection: Any, index: Index) -> None:
    name = index.model().document["name"]
    if name in await collection.index_information():
        await collection.drop_index(name)


async def _create(database: Database, collection: str) -> None:
    try:
        await database.create_collection(collection)
    except CollectionInvalid:
        return  # another set-up was quicker


async def _validate(database: Database, collection: str, json_schema: dict[str, Any]) -> None:
    """Have MongoDB refuse documents of another shape, whoever writes them. Raises Stop when somebody changed that."""
    wanted = {"$jsonSchema": json_schema}
    options = (await (await database.list_collections(filter={"name": collection})).to_list(1))[0]["options"]
    what = f"validator {collection}"
    if await must_change(database, what, options.get("validator"), wanted):
        await database.command({"collMod": collection, "validator": wanted, "validationLevel": "strict"})
        await note_applied(database, what, wanted)


async def _point(database: Database, view: str, target: dict[str, Any]) -> None:
    found: Sequence[Any] = await (await database.list_collections(filter={"name": view})).to_list(1)
    if found and found[0]["type"] != "view":
        raise Stop(f"{view} is a collection in this database, but should be a view of guanxi's")
    is_now = {key: found[0]["options"].get(key) for key in target} if found else None
    what = f"view {view}"
    if await must_change(database, what, is_now, target):
        await database.command({"collMod" if found else "create": view, **target})
        await note_applied(database, what, target)
