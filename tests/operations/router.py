"""A router of a sharded MongoDB, as far as guanxi can tell one from a replica set: it passes everything on to one real
server, says that it is a router, shards collections as the real one does, and refuses what the real one refuses. No
registry has a router; this one shows that the right things are asked for, not that shards work.
"""

import asyncio
import re
import struct
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import bson

Json = dict[str, Any]
_HEADER = struct.Struct("<iiii")
_OP_REPLY, _OP_QUERY, _OP_MSG = 1, 2004, 2013
_OF_REPLICA_SETS = ("setName", "setVersion", "hosts", "primary", "me", "electionId", "secondary", "topologyVersion")
_WIRE_VERSION_OF_8_0 = 25
_SHARD_KEY_NOT_FOUND, _UNAUTHORIZED, _ALREADY_INITIALIZED, _INVALID_OPTIONS = 61, 13, 23, 72


@dataclass
class Router:
    """A router, and what it has met.

    keys: shard keys by namespace. sharded: namespaces in the order in which they were asked to be. to_all: namespaces
    of which something was asked within a transaction that no shard key narrows down. forbids: the user lacks the role.
    """

    uri: str = ""
    keys: dict[str, Json] = field(default_factory=dict)
    sharded: list[str] = field(default_factory=list)
    to_all: list[tuple[str, str]] = field(default_factory=list)
    forbids: bool = False
    indexes: dict[str, list[Json]] = field(default_factory=dict)
    """Asked for through the router, by namespace."""

    def answer(self, command: Json) -> Json | None:
        """What a router itself answers; None where it passes a command on."""
        name, of = next(iter(command.items()))
        if name in {"shardCollection", "find"} and command["$db"] in {"admin", "config"} and self.forbids:
            return _failed(_UNAUTHORIZED, "not authorized")
        if name == "shardCollection":
            return self._shard(of, command["key"])
        if name == "find" and (command["$db"], of) == ("config", "collections"):
            wanted = re.compile(command["filter"]["_id"]["$regex"])
            found = [{"_id": ns, "key": key} for ns, key in self.keys.items() if wanted.match(ns)]
            return {"cursor": {"firstBatch": found, "id": bson.Int64(0), "ns": "config.collections"}, "ok": 1.0}
        ns = f"{command['$db']}.{of}"
        if name == "createIndexes":
            self.indexes.setdefault(ns, []).extend(command["indexes"])
        if name == "drop":
            self.keys.pop(ns, None)
            self.indexes.pop(ns, None)
        return self._refused(name, ns, command) if ns in self.keys else None

    def _shard(self, ns: str, key: Json) -> Json:
        self.sharded.append(ns)
        if self.keys.get(ns, key) != key:
            return _failed(_ALREADY_INITIALIZED, f"sharding already enabled for collection {ns}")
        (by,) = key
        indexes = self.indexes.get(ns, [])
        if not any(list(index["key"].items()) == list(key.items()) for index in indexes):
            return _failed(_INVALID_OPTIONS, f"{ns} has no index on {key}")
        for index in indexes:
            if index.get("unique") and next(iter(index["key"])) != by:
                return _failed(_INVALID_OPTIONS, f"uniqueness of {index['key']} cannot be kept by {key}")
        self.keys[ns] = key
        return {"collectionsharded": ns, "ok": 1.0}

    def _refused(self, name: str, ns: str, command: Json) -> Json | None:
        (by,) = self.keys[ns]
        for one in command.get("updates", ()):
            named = _names(one["q"], by)
            if one.get("upsert") and not named:
                return _failed(_SHARD_KEY_NOT_FOUND, f"failed to target upsert of {ns} by query {one['q']}")
            if not one.get("multi") and not named and not _names(one["q"], "_id"):
                return _failed(_SHARD_KEY_NOT_FOUND, f"an update of {ns} names neither its shard key nor its id")
        asked = [one["q"] for one in (*command.get("updates", ()), *command.get("deletes", ()))]
        asked += [command.get("filter", {})] if name == "find" else []
        if "txnNumber" in command and not command.get("autocommit", True):
            self.to_all += [(name, ns) for query in asked if not _names(query, by)]
        for document in command.get("documents", ()):
            if by not in document:
                return _failed(_SHARD_KEY_NOT_FOUND, f"a document of {ns} has no {by}")
        return None


def _names(query: Mapping[str, Any], by: str) -> bool:
    """Whether a query names values of a field."""
    value = query.get(by)
    return by in query and (not isinstance(value, dict) or not any(k.startswith("$") and k != "$in" for k in value))


def _failed(code: int, said: str) -> Json:
    return {"ok": 0.0, "code": code, "errmsg": said}


@asynccontextmanager
async def router_before(mongo_uri: str) -> AsyncIterator[Router]:
    """A router before a server that is a replica set of its own."""
    at, router = urlsplit(mongo_uri), Router()
    tasks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "of the server"
        tasks.add(task)
        try:
            back_reader, back_writer = await asyncio.open_connection(at.hostname, at.port)
            try:
                while True:
                    await _pass_on(router, reader, writer, back_reader, back_writer)
            finally:
                back_writer.close()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            tasks.discard(task)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    router.uri = f"mongodb://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    try:
        yield router
    finally:
        server.close()
        for task in tasks:
            task.cancel()


async def _pass_on(
    router: Router,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    back_reader: asyncio.StreamReader,
    back_writer: asyncio.StreamWriter,
) -> None:
    (_, number, _, kind), body = await _message(reader)
    command = _command(body) if kind == _OP_MSG else {}
    answer = router.answer(command) if command else None
    if answer is not None:
        _send(writer, _OP_MSG, number, b"\0\0\0\0\0" + bson.encode(answer))
        return
    back_writer.write(_HEADER.pack(16 + len(body), number, 0, kind) + body)
    (_, _, _, kind_back), back = await _message(back_reader)
    # The handshake is an OP_QUERY, or a hello.
    if kind == _OP_QUERY or next(iter(command), "").lower() in {"hello", "ismaster"}:
        head = 20 if kind_back == _OP_REPLY else 5
        back = back[:head] + bson.encode(_as_router(bson.decode(back[head:])))
    _send(writer, kind_back, number, back)
    await writer.drain()


def _as_router(said: Json) -> Json:
    left = {name: value for name, value in said.items() if name not in _OF_REPLICA_SETS}
    return {**left, "msg": "isdbgrid", "maxWireVersion": _WIRE_VERSION_OF_8_0}


def _send(writer: asyncio.StreamWriter, kind: int, answers: int, body: bytes) -> None:
    writer.write(_HEADER.pack(16 + len(body), 0, answers, kind) + body)


async def _message(reader: asyncio.StreamReader) -> tuple[tuple[int, ...], bytes]:
    head = _HEADER.unpack(await reader.readexactly(_HEADER.size))
    return head, await reader.readexactly(head[0] - _HEADER.size)


def _command(body: bytes) -> Json:
    """The command of an OP_MSG, its sequences of documents included."""
    end = len(body) - (4 if body[0] & 1 else 0)
    command: Json = {}
    for kind, section in _sections(body[4:end]):
        if kind == 0:
            command = {**bson.decode(section), **command}
        else:
            name, _, documents = section.partition(b"\0")
            command[name.decode()] = bson.decode_all(documents)
    # The command's name comes first, whatever came before it.
    sequences = {name: value for name, value in command.items() if name in {"updates", "deletes", "documents"}}
    return {**{name: value for name, value in command.items() if name not in sequences}, **sequences}


def _sections(body: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(body):
        kind = body[at]
        (size,) = struct.unpack_from("<i", body, at + 1)
        start = at + 1 if kind == 0 else at + 5
        yield kind, body[start : at + 1 + size]
        at += 1 + size
