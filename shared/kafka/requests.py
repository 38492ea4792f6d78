"""Requests to Kafka that aiokafka's admin client does not make: rights (ACLs) and SCRAM users, one way to send each."""

import hashlib
import os
from collections.abc import Iterable
from enum import IntEnum
from typing import Any, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest, DeleteAclsRequest, DescribeAclsRequest
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import CompactArray, CompactBytes, CompactString, Int8, Int16, Int32, Schema, TaggedFields

from shared.errors import Stop

SCRAM_SHA_512, SCRAM_SHA_256 = "SCRAM-SHA-512", "SCRAM-SHA-256"
_SCRAM = {SCRAM_SHA_256: (1, "sha256"), SCRAM_SHA_512: (2, "sha512")}
"""Mechanisms as KIP-554 numbers them, with their hashes."""
SCRAM_ITERATIONS = 8192
SALT_BYTES = 32
ANY = 1
MATCH_ALL_PATTERNS = 1
ALLOW = 3
EVERY_HOST = "*"


class Resource(IntEnum):
    """What a right is about (Kafka's ResourceType)."""

    TOPIC = 2
    GROUP = 3
    CLUSTER = 4


class Pattern(IntEnum):
    """How a right's name is meant (Kafka's PatternType)."""

    LITERAL = 3
    PREFIXED = 4


class Operation(IntEnum):
    """What a right allows (Kafka's AclOperation)."""

    ALL = 2
    READ = 3
    WRITE = 4
    DESCRIBE = 8


class Acl(NamedTuple):
    """A right, from any host; numbers as Kafka has them, since what is found may hold others than the above."""

    principal: str
    resource: int
    name: str
    pattern: int
    operation: int
    permission: int = ALLOW
    host: str = EVERY_HOST

    def __str__(self) -> str:
        """Such as `ingest: READ topic guanxi.inbox`."""
        words = [_name(Operation, self.operation), _name(Resource, self.resource).lower(), self.name]
        said = f"{self.principal}: {' '.join(words)}{'*' if self.pattern == Pattern.PREFIXED else ''}"
        return said if (self.permission, self.host) == (ALLOW, EVERY_HOST) else f"{said} (not plainly allowed)"


def _name(names: type[IntEnum], number: int) -> str:
    return names(number).name if number in set(names) else f"{names.__name__} {number}"


async def find_acls(admin: AIOKafkaAdminClient) -> set[Acl]:
    """All rights of the cluster."""
    request = DescribeAclsRequest(ANY, None, MATCH_ALL_PATTERNS, None, None, ANY, ANY)
    answer = await _send(admin, request)
    _refuse(answer.error_code, answer.error_message)
    return {
        Acl(principal.removeprefix("User:"), kind, name, pattern, operation, permission, host)
        for kind, name, pattern, acls in answer.resources
        for principal, host, operation, permission in acls
    }


async def create_acls(admin: AIOKafkaAdminClient, acls: Iterable[Acl]) -> None:
    """Grant rights; one that is there already stays."""
    for acl in acls:
        answer = await _send(admin, CreateAclsRequest(*_wire(acl)))
        for code, message in answer.creation_responses:
            _refuse(code, message)


async def delete_acls(admin: AIOKafkaAdminClient, acls: Iterable[Acl]) -> None:
    """Take rights away."""
    for acl in acls:
        answer = await _send(admin, DeleteAclsRequest(*_wire(acl)))
        for code, message, *_ in answer.filter_responses:
            _refuse(code, message)


def _wire(acl: Acl) -> tuple[int, str, int, str, str, int, int]:
    return acl.resource, acl.name, acl.pattern, f"User:{acl.principal}", acl.host, acl.operation, acl.permission


class _AlterScramResponse(Response):  # type: ignore[misc]
    API_KEY = 51
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "results",
            CompactArray(
                ("user", CompactString("utf-8")),
                ("error_code", Int16),
                ("error_message", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _AlterScramRequest(RequestStruct):  # type: ignore[misc]
    API_KEY = 51
    API_VERSION = 0
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _AlterScramResponse
    SCHEMA = Schema(
        (
            "deletions",
            CompactArray(("name", CompactString("utf-8")), ("mechanism", Int8), ("tags", TaggedFields)),
        ),
        (
            "upsertions",
            CompactArray(
                ("name", CompactString("utf-8")),
                ("mechanism", Int8),
                ("iterations", Int32),
                ("salt", CompactBytes),
                ("salted_password", CompactBytes),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _AlterScram(Request[_AlterScramRequest]):  # type: ignore[misc]
    """KIP-554. Kafka is told a salted hash, never the password."""

    API_KEY = 51

    def __init__(self, user: str, password: str, mechanism: str) -> None:
        number, algorithm = _SCRAM[mechanism]
        salt = os.urandom(SALT_BYTES)
        hashed = hashlib.pbkdf2_hmac(algorithm, password.encode(), salt, SCRAM_ITERATIONS)
        self._upsertion: tuple[Any, ...] = (user, number, SCRAM_ITERATIONS, salt, hashed, {})

    def build(self, request_struct_class: type[_AlterScramRequest]) -> _AlterScramRequest:
        return request_struct_class([], [self._upsertion], {})


async def set_scram_password(
    admin: AIOKafkaAdminClient, user: str, password: str, mechanism: str = SCRAM_SHA_512
) -> None:
    """Make the user, or give it this password, for one mechanism: Kafka keeps a password for each."""
    answer = await _send(admin, _AlterScram(user, password, mechanism))
    for _, code, message, _ in answer.results:
        _refuse(code, message)


async def _send(admin: AIOKafkaAdminClient, request: Any) -> Any:
    """Of the controller, which alone changes rights and users; the admin client has no public way to send these."""
    return await admin._send_to_controller(request)  # noqa: SLF001


def _refuse(code: int, message: str | None) -> None:
    if code:
        raise Stop(f"Kafka did not change users or rights: error {code} {message or ''}".rstrip())
