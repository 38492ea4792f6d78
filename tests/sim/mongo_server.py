"""What MongoDB promises and guanxi uses, in memory: snapshot transactions with write conflicts, one primary.

Modelled: a transaction reads its snapshot and its own writes; it conflicts at once with another open transaction's
write and with what was committed after its snapshot; writes outside a transaction wait for one that holds the
document; the server ends a transaction that is open too long, which is all that becomes of a killed client's. Documents
go through BSON, so what it does to values happens here too. Not modelled: rollback, several primaries.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import bson
from bson.codec_options import CodecOptions
from pymongo import DeleteMany, DeleteOne, InsertOne, ReplaceOne, UpdateOne
from pymongo.errors import BulkWriteError, OperationFailure

from tests.sim.net import BlockedError

Document = dict[str, Any]
Operation = InsertOne[Any] | ReplaceOne[Any] | UpdateOne | DeleteOne | DeleteMany

TRANSACTION_SECONDS = 10.0
"""transactionLifetimeLimitSeconds, as guanxi sets it."""
_AWARE: CodecOptions[Document] = CodecOptions(tz_aware=True)
_DUPLICATE, _CONFLICT, _NO_TRANSACTION = 11000, 112, 251


@dataclass(slots=True)
class BulkResult:
    """The counts of a bulk write, named as the driver names them."""

    inserted_count: int = 0
    matched_count: int = 0
    modified_count: int = 0
    upserted_count: int = 0
    deleted_count: int = 0


@dataclass(slots=True, eq=False)
class Transaction:
    """An open transaction: its snapshot, its writes by (collection, key)."""

    snapshot: int
    deadline: float
    writes: dict[tuple[str, Any], bytes | None] = field(default_factory=dict)
    open: bool = True


class MongoServer:
    """All documents, each with its committed versions."""

    def __init__(self, time: Callable[[], float]) -> None:
        self._time = time
        self._collections: dict[str, dict[Any, list[tuple[int, bytes | None]]]] = {}
        self._locks: dict[tuple[str, Any], Transaction] = {}
        self._committed = 0
        self.watch: Callable[[str, Document | None, Document], None] | None = None
        """Gets the collection, the document before and the document after, for each write of a position that
        counts."""

    def begin(self) -> Transaction:
        """A transaction with a snapshot of now."""
        return Transaction(self._committed, self._time() + TRANSACTION_SECONDS)

    def names(self) -> list[str]:
        """Of all collections that were ever written."""
        return sorted(self._collections)

    def find(
        self, collection: str, wanted: Mapping[str, Any], transaction: Transaction | None = None
    ) -> list[Document]:
        """The documents that match, in the order in which they were first written."""
        self._check(transaction)
        documents = self._collections.get(collection, {})
        found = []
        for key in self._keys(collection, wanted, transaction):
            raw = self._read(collection, key, documents, transaction)
            if raw is not None:
                document = bson.decode(raw, _AWARE)
                if matches(document, wanted):
                    found.append(document)
        return found

    def bulk(
        self, collection: str, operations: Sequence[Operation], transaction: Transaction | None = None
    ) -> BulkResult:
        """Apply operations; a duplicate key stops none of the others, as in an unordered bulk write."""
        self._check(transaction)
        if transaction is None and any(self._locked(collection, key) for key in self._touched(collection, operations)):
            raise BlockedError
        result, errors = BulkResult(), []
        for index, operation in enumerate(operations):
            if not self._apply(collection, operation, transaction, result):
                errors.append({"index": index, "code": _DUPLICATE, "errmsg": "E11000 duplicate key"})
        if errors:
            if transaction is not None:
                self.abort(transaction)
            raise BulkWriteError({"writeErrors": errors, "writeConcernErrors": []})
        return result

    def commit(self, transaction: Transaction) -> None:
        """Make a transaction's writes count, all at once."""
        self._check(transaction)
        transaction.open = False
        self._committed += 1
        for (collection, key), raw in transaction.writes.items():
            self._put(collection, key, raw)
        self._release(transaction)

    def abort(self, transaction: Transaction) -> None:
        """Forget a transaction."""
        transaction.open = False
        self._release(transaction)

    def _check(self, transaction: Transaction | None) -> None:
        if transaction is None:
            return
        if transaction.open and transaction.deadline < self._time():
            self.abort(transaction)
        if not transaction.open:
            raise OperationFailure("transaction has been aborted", _NO_TRANSACTION)

    def _keys(self, collection: str, wanted: Mapping[str, Any], transaction: Transaction | None) -> Iterable[Any]:
        if "_id" in wanted:
            condition = wanted["_id"]
            if isinstance(condition, dict) and "$in" in condition:
                return dict.fromkeys(map(_key, condition["$in"]))
            if not _is_condition(condition):
                return (_key(condition),)
        keys = dict.fromkeys(self._collections.get(collection, {}))
        if transaction is not None:
            keys |= dict.fromkeys(key for name, key in transaction.writes if name == collection)
        if "_id" not in wanted:
            return keys
        condition = {operator: _key(operand) for operator, operand in wanted["_id"].items()}
        return [key for key in keys if _fits(key, condition)]

    def _read(
        self,
        collection: str,
        key: Any,
        documents: Mapping[Any, list[tuple[int, bytes | None]]],
        transaction: Transaction | None,
    ) -> bytes | None:
        versions = documents.get(key, ())
        if transaction is None:
            return versions[-1][1] if versions else None
        if (collection, key) in transaction.writes:
            return transaction.writes[collection, key]
        for committed, raw in reversed(versions):
            if committed <= transaction.snapshot:
                return raw
        return None

    def _locked(self, collection: str, key: Any) -> bool:
        holder = self._locks.get((collection, key))
        if holder is not None and holder.deadline < self._time():
            self.abort(holder)
            return False
        return holder is not None

    def _touched(self, collection: str, operations: Sequence[Operation]) -> Iterable[Any]:
        for operation in operations:
            if isinstance(operation, InsertOne):
                yield _key(operation._doc["_id"])
            else:
                yield from self._keys(collection, operation._filter, None)

    def _apply(
        self, collection: str, operation: Operation, transaction: Transaction | None, result: BulkResult
    ) -> bool:
        """Whether it went through; False for a duplicate key."""
        documents = self._collections.setdefault(collection, {})
        if isinstance(operation, InsertOne):
            document = dict(operation._doc)
            key = _key(document["_id"])
            if self._read(collection, key, documents, transaction) is not None:
                return False
            result.inserted_count += 1
            self._write(collection, key, document, transaction)
            return True
        wanted: Mapping[str, Any] = operation._filter
        for key in list(self._keys(collection, wanted, transaction)):
            raw = self._read(collection, key, documents, transaction)
            if raw is None:
                continue
            document = bson.decode(raw, _AWARE)
            if not matches(document, wanted):
                if operation_upserts(operation):
                    return False
                continue
            if isinstance(operation, DeleteMany):
                result.deleted_count += 1
                self._write(collection, key, None, transaction)
                continue
            if isinstance(operation, DeleteOne):
                result.deleted_count += 1
                self._write(collection, key, None, transaction)
            else:
                result.matched_count += 1
                result.modified_count += 1
                self._write(collection, key, _changed(document, operation, inserting=False), transaction)
            return True
        if operation_upserts(operation):
            assert not isinstance(operation, DeleteOne), "deletes do not upsert"
            result.upserted_count += 1
            document = {name: value for name, value in wanted.items() if not _is_condition(value)}
            self._write(collection, _key(wanted["_id"]), _changed(document, operation, inserting=True), transaction)
        return True

    def _write(self, collection: str, key: Any, document: Document | None, transaction: Transaction | None) -> None:
        raw = None if document is None else bson.encode(document)
        if transaction is None:
            self._committed += 1
            self._put(collection, key, raw)
            return
        versions = self._collections[collection].get(key, ())
        holder = self._locks.get((collection, key))
        if holder is not None and holder is not transaction and self._locked(collection, key):
            self.abort(transaction)
            raise OperationFailure("WriteConflict: another transaction holds it", _CONFLICT)
        if versions and versions[-1][0] > transaction.snapshot:
            self.abort(transaction)
            raise OperationFailure("WriteConflict: it has changed since the snapshot", _CONFLICT)
        self._locks[collection, key] = transaction
        transaction.writes[collection, key] = raw

    def _put(self, collection: str, key: Any, raw: bytes | None) -> None:
        versions = self._collections.setdefault(collection, {}).setdefault(key, [])
        if self.watch is not None and raw is not None and collection.endswith("_positions"):
            before = versions[-1][1] if versions else None
            self.watch(collection, None if before is None else bson.decode(before, _AWARE), bson.decode(raw, _AWARE))
        versions.append((self._committed, raw))

    def _release(self, transaction: Transaction) -> None:
        for address in transaction.writes:
            if self._locks.get(address) is transaction:
                del self._locks[address]


def operation_upserts(operation: Operation) -> bool:
    """Whether an operation makes a document where it matches none."""
    return isinstance(operation, ReplaceOne | UpdateOne) and bool(operation._upsert)


def matches(document: Document, wanted: Mapping[str, Any]) -> bool:
    """MongoDB's filter language, as far as guanxi uses it; ids have been looked up already."""
    for name, condition in wanted.items():
        if name == "_id":
            continue
        if name == "$or":
            if not any(matches(document, one) for one in condition):
                return False
        elif _is_condition(condition):
            if not any(_fits(value, condition) for value in _values(document, name)):
                return False
        elif condition not in _values(document, name):
            return False
    return True


def _values(document: Any, path: str) -> list[Any]:
    """What stands at a dotted path; of each element of a list on the way. None where nothing does."""
    name, _, rest = path.partition(".")
    value = document.get(name)
    if not rest:
        return [value]
    return [found for one in (value if isinstance(value, list) else [value or {}]) for found in _values(one, rest)]


def _fits(value: Any, condition: Mapping[str, Any]) -> bool:
    return all(_COMPARE[operator](value, operand) for operator, operand in condition.items())


_TYPES: dict[str, type] = {"binData": bytes}
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "$in": lambda value, operand: value in operand,
    "$ne": lambda value, operand: value != operand,
    "$lt": lambda value, operand: value is not None and value < operand,
    "$lte": lambda value, operand: value is not None and value <= operand,
    "$gt": lambda value, operand: value is not None and value > operand,
    "$exists": lambda value, operand: (value is not None) is operand,
    "$type": lambda value, operand: isinstance(value, _TYPES[operand]),
    "$regex": lambda value, operand: re.search(operand, value) is not None,
}


def _is_condition(value: Any) -> bool:
    return isinstance(value, dict) and any(str(name).startswith("$") for name in value)


def _changed(document: Document, operation: Operation, *, inserting: bool) -> Document:
    if isinstance(operation, ReplaceOne):
        return {"_id": document["_id"], **operation._doc}
    assert isinstance(operation, UpdateOne), "the others change nothing"
    assert isinstance(operation._doc, dict), "no pipelines"
    for operator, fields in operation._doc.items():
        for name, value in fields.items():
            at, last = _place(document, name)
            if operator == "$set" or (operator == "$setOnInsert" and inserting):
                at[last] = value
            elif operator == "$unset":
                at.pop(last, None)
            elif operator == "$max":
                known = at.get(last)
                at[last] = known if value is None else value if known is None else max(known, value)
            elif operator == "$inc":
                at[last] = at.get(last, 0) + value
            elif operator == "$addToSet":
                at[last] = (known := at.get(last, [])) + [one for one in value["$each"] if one not in known]
            elif operator != "$setOnInsert":
                raise NotImplementedError(operator)
    return document


def _place(document: Document, path: str) -> tuple[Any, Any]:
    """Where a dotted path leads, and the last name on it; what lacks on the way is made."""
    at: Any = document
    *way, last = path.split(".")
    for name in way:
        at = at[int(name)] if isinstance(at, list) else at.setdefault(name, {})
    return at, last


def _key(document_id: Any) -> Any:
    if isinstance(document_id, dict):
        return tuple(document_id.items())
    return bytes(document_id) if isinstance(document_id, bytes) else document_id
