"""What a fault run left, judged: the log by the anomaly checks, the documents by the oracle, the topic of tiers."""

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from services import SERVICES
from services.tiering.domain import Tiering
from services.tiering.policy_file import read_policy
from shared.fold.domain import Domain
from shared.mongo import connect
from shared.mongo.schema import Schema
from shared.mongo.states import freshness_collection
from shared.settings import Settings
from shared.topics import INBOX, LOG, REJECTED, TIERS
from tests.e2e.met import by_key
from tests.e2e.world import _log_record
from tests.faults.anomalies.checks import find
from tests.faults.anomalies.observed import Observed, Record, folded, named
from tests.faults.oracle import Documents, canonical, differences, expected
from tests.faults.reader import Reader
from tests.faults.stand import POLICY
from tests.faults.topics import Stored, read_topic
from tests.faults.upstream import Upstream
from tests.laws.shown import expected_contact, shown_contact
from tests.laws.test_tiering_equals_oracle import expected_row, row
from tests.oracle.engagement import engagement
from tests.oracle.facts import Json, Logged
from tests.oracle.policies import wholesale_gbp
from tests.oracle.retail import LONDON
from tests.oracle.tiering import tiering

SAMPLED = 6
"""Customers whose row the design's oracle works out as well; it is slow on purpose."""


@dataclass
class Verdict:
    """Figures, and in `broken` what did not hold, in words."""

    acknowledged: int = 0
    in_effect: int = 0
    inbox: int = 0
    log: int = 0
    repeats: int = 0
    refused: int = 0
    documents: int = 0
    decisions: int = 0
    frozen: int = 0
    broken: list[str] = field(default_factory=list)


class Judged(Protocol):
    """What a run leaves to be judged."""

    @property
    def settings(self) -> Settings: ...
    @property
    def stored(self) -> Stored: ...
    @property
    def upstream(self) -> Upstream: ...
    @property
    def reader(self) -> Reader: ...
    @property
    def may_be_refused(self) -> set[str]: ...


async def judge(stand: Judged, *, frozen_allowed: int = 0) -> Verdict:
    """Read everything and compare it. `frozen_allowed`: customers that the fault meant to freeze."""
    settings, stored = stand.settings, stand.stored
    inbox, log, rejected, tiers = [await read_topic(settings, topic) for topic in (INBOX, LOG, REJECTED, TIERS)]
    seen = Observed(
        inbox,
        log,
        rejected,
        frozenset(stand.upstream.acknowledged),
        await asyncio.to_thread(stored.admitted_to),
        {name: await asyncio.to_thread(stored.reader, name) for name in ("tiering", "engagement")},
    )
    taken = [(record, position) for records in log for record, position in folded(records)]
    names = {named(record.value) for record, position in taken if position}
    verdict = Verdict(
        acknowledged=len(seen.acknowledged),
        in_effect=len(seen.acknowledged & {name for name in names if name is not None}),
        inbox=sum(map(len, inbox)),
        log=sum(map(len, log)),
        refused=len({place for place, _ in seen.refusals()}),
    )
    verdict.repeats = verdict.log - len(taken)
    verdict.broken += [f"{one.kind}: {one.where}" for one in find(seen)]
    verdict.broken += [
        f"refused: {name}: {reason}"
        for name, reason in stand.upstream.refused.items()
        if reason not in stand.may_be_refused
    ]
    database = connect(settings)
    try:
        domains: list[tuple[Domain[Any, Any], Sequence[str]]] = [
            (await one.domain(database, settings), _folded_by(one.schema)) for one in SERVICES.folding.values()
        ]
    finally:
        database.client.close()
    for domain, collections in domains:
        await asyncio.to_thread(_compare, stand, domain, collections, log, verdict)
    if verdict.frozen > frozen_allowed * len(domains):
        verdict.broken.append(f"{verdict.frozen} frozen customers")
    verdict.broken += await asyncio.to_thread(lambda: list(_by_the_design(stand, log)))
    verdict.broken += _told(stand, tiers)
    verdict.broken += stand.reader.broken
    return verdict


def _folded_by(schema: Schema) -> list[str]:
    """The collections that are a function of the log; how fresh they are is not."""
    return [name for name in schema.collections if name != freshness_collection(schema.service)]


def _compare(
    stand: Judged, domain: Domain[Any, Any], collections: Sequence[str], log: list[list[Record]], verdict: Verdict
) -> None:
    wanted = expected(domain, log)
    found: Documents = {}
    frozen: set[str] = set()
    for name in collections:
        for document in stand.stored.documents(f"{name}_g1"):
            found[name, str(document["_id"])] = canonical(document)
            if _is_frozen(document):
                frozen.add(str(document["_id"]))
    verdict.documents += len(found)
    verdict.frozen += len(frozen)
    if frozen != {key.partition(":")[2] for key in wanted.frozen}:
        verdict.broken.append(f"{domain.service}: frozen are {frozen}, by the log {wanted.frozen}")
    verdict.broken += differences(found, wanted.documents, collections, wanted.frozen)
    for key in wanted.decided.keys() | wanted.accepted.keys():
        decided, accepted = wanted.decided.get(key, []), wanted.accepted.get(key, [])
        verdict.decisions += len(accepted)
        if decided != accepted and key not in wanted.frozen:
            verdict.broken.append(f"{domain.service}, {key}: decided {decided}, the log says {accepted}")


def _by_the_design(stand: Judged, log: list[list[Record]]) -> Iterator[str]:
    """Rows of some customers, worked out from the design's words alone (tests/oracle)."""
    frozen = {f"customer:{one['_id']}".encode() for one in stand.stored.documents("tiering_g1") if _is_frozen(one)}
    flat = [record for records in log for record in records if record.key not in frozen]
    policy = wholesale_gbp(read_policy(POLICY.read_text(encoding="utf-8"), "policy").effective_on)
    contacts = by_key([_log_record(record) for record in flat])
    facts: dict[str, list[Logged]] = {}
    for records in log:
        for record, position in folded(records):
            if position is None or record.key is None or record.value is None:
                continue
            event = json.loads(record.value)
            if event["type"] in Tiering.folds:
                at = _log_record(record).recorded_at
                facts.setdefault(record.key.decode(), []).append(
                    Logged(event, at, backfill=bool(event.get("backfill")))
                )
    rows = [one for one in stand.stored.documents("tiering_g1") if "tier" in one and not one.get("incomplete_since")]
    for document in sorted(rows, key=lambda one: str(one["_id"]))[:: max(1, len(rows) // SAMPLED)]:
        name = f"customer:{document['_id']}"
        outcome = tiering(facts[name], (policy,), LONDON, document["as_of"])
        if row(document) != expected_row(outcome):
            yield f"tiering {name}: {row(document)}, by the design {expected_row(outcome)}"
    met = {str(one["_id"]): one for one in stand.stored.documents("engagement")}
    for customer in sorted(met)[:: max(1, len(met) // SAMPLED)]:
        document, known = met[customer], contacts.get(f"customer:{customer}", [])
        if f"customer:{customer}".encode() in frozen or document.get("as_of") is None:
            continue
        contact = expected_contact(engagement(known, LONDON, document["as_of"]))
        if shown_contact(document["contact"]) != contact:
            yield f"engagement {customer}: {document['contact']}, by the design {contact}"


def _is_frozen(document: Json) -> bool:
    return bool(document.get("incomplete_since"))


def _told(stand: Judged, tiers: list[list[Record]]) -> Iterator[str]:
    """The public topic's last word on each customer is the row's tier."""
    last = {
        record.key.decode().partition(":")[2]: json.loads(record.value)["data"]
        for records in tiers
        for record in records
        if record.key and record.value
    }
    for document in stand.stored.documents("tiering_g1"):
        told = last.get(document["_id"], {"to": "potential"})
        if "tier" in document and told["to"] != document["tier"]:
            yield f"guanxi.tiers says {told} of {document['_id']}, which is {document['tier']}"
