"""What a service needs in MongoDB, declared: indexes, validators aside, and the views that readers see."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pymongo import ASCENDING, IndexModel
from pymongo.errors import CollectionInvalid, OperationFailure

from shared.errors import Stop
from shared.mongo import Database, transient_errors

Name = Callable[[str], str]
"""Gives the real name of a collection of the current generation from its base name."""


@dataclass(frozen=True, slots=True)
class Index:
    """An index on a collection; `generational` when the collection's name carries the generation; a
    `sparse` one costs nothing for documents without the field.
    """

    collection: str
    fields: tuple[str, ...]
    unique: bool = False
    expire_after_seconds: int | None = None
    sparse: bool = False
    generational: bool = True

    def model(self) -> IndexModel:
        """The driver's form."""
        options: dict[str, Any] = {name: True for name in ("unique", "sparse") if getattr(self, name)}
        if self.expire_after_seconds is not None:
            options["expireAfterSeconds"] = self.expire_after_seconds
        return IndexModel([(field, ASCENDING) for field in self.fields], **options)


@dataclass(frozen=True, slots=True)
class View:
    """A view that readers are granted: `pipeline` gets the names of the current generation; `generational` when the
    name of the collection that it begins with carries the generation.
    """

    name: str
    on: str
    pipeline: Callable[[Name], list[dict[str, Any]]]
    generational: bool = True


@dataclass(frozen=True, slots=True)
class Schema:
    """Everything of one service. `collections` are made beforehand, since a transaction should not have to."""

    service: str
    collections: tuple[str, ...] = ()
    plain_collections: tuple[str, ...] = ()
    indexes: tuple[Index, ...] = ()
    views: tuple[View, ...] = ()


def pinned(view: str, generation: int) -> str:
    """The name of a view that stays with one generation, for readers that page: `customers.g2`."""
    return f"{view}.g{generation}"


async def point(database: Database, schema: Schema, generation: int) -> None:
    """Point the views at this generation, all at once."""

    def name(base: str) -> str:
        return f"{base}_g{generation}"

    async with transient_errors():
        await asyncio.gather(*(_point(database, view, name) for view in schema.views))


async def apply(database: Database, schema: Schema, generation: int, *, with_views: bool = True) -> None:
    """Make what is missing, and point the views at this generation. Doing it again changes nothing."""

    def name(base: str) -> str:
        return f"{base}_g{generation}"

    async with transient_errors():
        existing = set(await database.list_collection_names())
        for collection in [*map(name, schema.collections), *schema.plain_collections]:
            if collection not in existing:
                await _create(database, collection)
        for index in schema.indexes:
            collection = name(index.collection) if index.generational else index.collection
            try:
                await database[collection].create_indexes([index.model()])
            except OperationFailure as error:
                raise Stop(f"MongoDB has another index than guanxi expects on {collection}: {error}") from error
        for view in schema.views:
            await _point(database, replace(view, name=pinned(view.name, generation)), name)
    if with_views:
        await point(database, schema, generation)


async def _create(database: Database, collection: str) -> None:
    try:
        await database.create_collection(collection)
    except CollectionInvalid:
        return  # another set-up was quicker


async def _point(database: Database, view: View, name: Name) -> None:
    target = {"viewOn": name(view.on) if view.generational else view.on, "pipeline": view.pipeline(name)}
    found: Sequence[Any] = await (await database.list_collections(filter={"name": view.name})).to_list(1)
    if not found:
        await database.command({"create": view.name, **target})
    elif found[0]["type"] != "view":
        raise Stop(f"{view.name} is a collection in this database, but should be a view of guanxi's")
    elif {key: found[0]["options"].get(key) for key in target} != target:
        await database.command({"collMod": view.name, **target})
