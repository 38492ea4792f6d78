"""Every metric once: its name, its labels, what it counts (docs/metrics.md explains them to operators).

Labels have few values, fixed by the code or by the number of partitions; never an id of a customer, a record, a key or
an upstream. The hot path adds up per batch, and measures a step with one reading of a clock that no rule sees.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

from shared.errors import Moved, Stop

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each counter, which nobody here reads

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
DELAY_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200)
RECORDS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 10_000)
UNREAD = "unread"
"""The type label of a record without a readable or known type."""

# What came in -----------------------------------------------------------------------------------------------------

HTTP_SECONDS = Histogram(
    "guanxi_http_request_seconds",
    "Request duration, by handler and status.",
    ("handler", "status"),
    buckets=SECONDS,
    registry=REGISTRY,
)
HTTP_IN_FLIGHT = Gauge("guanxi_http_requests_in_flight", "Requests being processed.", registry=REGISTRY)
HTTP_CONNECTIONS = Gauge("guanxi_http_connections", "Open connections, by port.", ("port",), registry=REGISTRY)
HTTP_CLOSED = Counter(
    "guanxi_http_connections_closed",
    "Connections closed by the server, or refused for lack of a slot, by reason.",
    ("why",),
    registry=REGISTRY,
)
DENIED = Counter(
    "guanxi_http_denied",
    "Requests without a valid API key, by reason: missing, malformed, unknown, wrong_secret, revoked, expired.",
    ("why",),
    registry=REGISTRY,
)
DOOR_EVENTS = Counter(
    "guanxi_door_events",
    "Events at the HTTP door: accepted, duplicate, refused, or unavailable (the inbox did not answer).",
    ("type", "outcome"),
    registry=REGISTRY,
)
INBOX_RECORDS = Counter(
    "guanxi_inbox_records",
    "Inbox records by event type and outcome at admission: accepted, duplicate, refused.",
    ("type", "outcome"),
    registry=REGISTRY,
)
REFUSED = Counter(
    "guanxi_refused",
    "Refusals by reason, at the HTTP door (nothing is stored) or at admission (stored in guanxi.rejected).",
    ("by", "reason"),
    registry=REGISTRY,
)
CLAIM_ROUNDS = Counter(
    "guanxi_claim_rounds",
    "Rounds of judging and claiming; more than one per batch if records were known or another owner was first.",
    registry=REGISTRY,
)

# Folding ----------------------------------------------------------------------------------------------------------

LOG_RECORDS = Counter(
    "guanxi_log_records",
    "Log records by event type and outcome: folded, frozen (its customer stops), repeated (seen before), passed over "
    "(other services' types), skipped (its customer is frozen), broken (not written by guanxi).",
    ("type", "outcome"),
    registry=REGISTRY,
)
DECISIONS = Counter("guanxi_decisions", "Decisions made and published, by type.", ("type",), registry=REGISTRY)
TRANSACTIONS = Counter(
    "guanxi_transactions",
    "Batches by the end of their transaction: committed, moved (another owner, or an uncertain commit that "
    "succeeded), failed (a store or broker did not answer), stopped.",
    ("outcome",),
    registry=REGISTRY,
)
FROZEN = Gauge("guanxi_frozen_customers", "Frozen customers (owned partitions).", registry=REGISTRY)
QUARANTINED = Gauge("guanxi_quarantined_records", "Records in quarantine (owned partitions).", registry=REGISTRY)
DOCUMENTS = Gauge("guanxi_documents", "Documents of this service, one per customer or representative.",
                  registry=REGISTRY)  # fmt: skip
DUE = Gauge(
    "guanxi_due_reviews",
    "Customers due for review (owned partitions); counted up to 100,000.",
    registry=REGISTRY,
)
BACKLOG_COUNTED_AT = Gauge(
    "guanxi_backlog_counted_timestamp_seconds",
    ("When the gauges of documents, due, frozen and quarantine were last counted."),
    registry=REGISTRY,
)
REVIEWS = Counter("guanxi_reviews_sent", "Reviews sent to the inbox by sweeps.", registry=REGISTRY)
SWEPT_AT = Gauge(
    "guanxi_sweep_success_timestamp_seconds",
    "When the sweep last completed without an error.",
    registry=REGISTRY,
)
SWEEP_WAITS = Gauge("guanxi_sweep_waits", "1 while sweeps wait for a backfill or for partitions.", registry=REGISTRY)

# Reading a topic --------------------------------------------------------------------------------------------------

PARTITIONS = Gauge("guanxi_partitions_owned", "Partitions read by this process.", ("topic",), registry=REGISTRY)
LAG_RECORDS = Gauge("guanxi_lag_records", "Records not processed yet.", ("topic", "partition"), registry=REGISTRY)
LAG_SECONDS = Gauge(
    "guanxi_lag_seconds",
    "Largest age of this process's views in seconds: 0 when caught up, else the time since it was.",
    ("topic", "partition"),
    registry=REGISTRY,
)
NEWEST = Gauge(
    "guanxi_newest_record_timestamp_seconds",
    "Append time of the newest record processed since the process started.",
    ("topic",),
    registry=REGISTRY,
)
DELAY = Histogram(
    "guanxi_delay_seconds",
    "Time from a record's append until it is processed and stored; of the oldest record of each batch.",
    ("topic",),
    buckets=DELAY_SECONDS,
    registry=REGISTRY,
)
BATCH_RECORDS = Histogram("guanxi_batch_records", "Records per batch.", ("topic",), buckets=RECORDS, registry=REGISTRY)
STEP_SECONDS = Histogram(
    "guanxi_step_seconds",
    "Duration of each step of a batch; the steps add up to the batch.",
    ("step",),
    buckets=SECONDS,
    registry=REGISTRY,
)
RESTARTS = Counter(
    "guanxi_reader_restarts",
    "Restarts of a reader at its stored positions, by reason: transient (a store or broker did not answer), "
    "unexpected (a bug), stop (it gave up).",
    ("topic", "why"),
    registry=REGISTRY,
)
REBALANCES = Counter("guanxi_rebalances", "Assignments of partitions to this process.", ("topic",), registry=REGISTRY)
APPEND_FAILURES = Counter(
    "guanxi_append_failures", "Appends to Kafka without an acknowledgement.", ("topic",), registry=REGISTRY
)

# Readers of the API, and long jobs ---------------------------------------------------------------------------------

STREAMS = Gauge("guanxi_change_streams", "Open streams of /v1/changes.", registry=REGISTRY)
STREAM_RESETS = Counter(
    "guanxi_change_stream_resets",
    "Followers told to read everything again: they were too far behind.",
    registry=REGISTRY,
)
WAITING = Gauge("guanxi_waiting_requests", "Requests that wait for a position to show.", registry=REGISTRY)
WAITS = Counter(
    "guanxi_waits", "Waits for a position by their end: passed, not_yet, refused.", ("end",), registry=REGISTRY
)
JOBS_RUNNING = Gauge("guanxi_jobs_running", "Jobs that this worker is doing, by kind.", ("kind",), registry=REGISTRY)
JOBS = Counter(
    "guanxi_jobs",
    "Runs of jobs by kind and their end: done, failed, cancelled, queued (tried again), lost (another worker's).",
    ("kind", "end"),
    registry=REGISTRY,
)

# Texts of profiles ------------------------------------------------------------------------------------------------

TEXT_READS = Counter(
    "guanxi_text_reads_total",
    "Readings of texts of profiles that were asked for, by outcome (allowed, denied) and by the right, or why not.",
    ("outcome", "by"),
    registry=REGISTRY,
)
TEXT_READS.labels("allowed", "break_glass")  # there from the start: the first emergency must be an increase
BULK_READS = Counter(
    "guanxi_bulk_text_reads_total",
    "Readings by somebody who read texts of over 50 customers in 24 hours.",
    registry=REGISTRY,
)

# Webhooks ---------------------------------------------------------------------------------------------------------

DELIVERY_SECONDS = Histogram(
    "guanxi_delivery_seconds",
    "Duration of an attempt to deliver a webhook, by outcome: delivered, failed.",
    ("outcome",),
    buckets=SECONDS,
    registry=REGISTRY,
)
SUBSCRIPTIONS = Gauge(
    "guanxi_subscriptions",
    "Subscriptions of webhooks of the whole system: active, paused, gone (the receiver said 410), unconfirmed (it did "
    "not take the ping), stopped, and stands_still (too many parked customers, among the active ones).",
    ("status",),
    registry=REGISTRY,
)
LANES = Gauge(
    "guanxi_delivery_lanes",
    "Customers of a subscription whose changes wait since one failed, of the whole system: parked, and dead among them "
    "(out of attempts).",
    ("state",),
    registry=REGISTRY,
)
DELIVERY_BEHIND = Gauge(
    "guanxi_delivery_behind_records",
    "Changes before which the subscription stands that is furthest behind, of the whole system.",
    registry=REGISTRY,
)

# What the doctor sees (guanxi doctor --every) -------------------------------------------------------------------------

DOCTOR_FINDINGS = Gauge(
    "guanxi_doctor_findings",
    "What guanxi doctor found last, by check and severity: wrong, warning, unchecked (the check could not run).",
    ("check", "severity"),
    registry=REGISTRY,
)
DOCTOR_RAN_AT = Gauge(
    "guanxi_doctor_ran_timestamp_seconds",
    "When guanxi doctor last looked, by whether all its checks could run.",
    ("outcome",),
    registry=REGISTRY,
)
DISK_FREE = Gauge(
    "guanxi_disk_free_ratio", "Share of the disk that is free: of Kafka's fullest, of MongoDB's.", ("of",),
    registry=REGISTRY,
)  # fmt: skip
CERTIFICATE_ENDS_AT = Gauge(
    "guanxi_certificate_end_timestamp_seconds",
    "When the certificate ends that a server shows: kafka, mongodb, door.",
    ("of",),
    registry=REGISTRY,
)
BACKUP_MADE_AT = Gauge(
    "guanxi_backup_timestamp_seconds",
    "Of which moment the last backup is, by what was done with it: made, checked; 0 without any.",
    ("done",),
    registry=REGISTRY,
)

ERASURES_OVERDUE = Gauge(
    "guanxi_erasures_overdue",
    "Erasures of persons that are not done although the topics have let the name go: texts wait for a steward.",
    registry=REGISTRY,
)

# The process ------------------------------------------------------------------------------------------------------

READY = Gauge("guanxi_ready", "1 for each passing check of /readyz.", ("check",), registry=REGISTRY)
STOPPED = Gauge("guanxi_stopped", "1 once the process can't go on; /livez says why.", registry=REGISTRY)
BUILD = Gauge("guanxi_build_info", "Always 1; the service and its version.", ("service", "version"), registry=REGISTRY)


class Stopwatch:
    """Times the steps of one batch, one after the other."""

    __slots__ = ("_last", "_tell")

    def __init__(self, tell: Callable[[str], None] | None = None) -> None:
        self._last, self._tell = time.perf_counter(), tell

    def step(self, name: str) -> None:
        """What was done since the last call was this step."""
        now = time.perf_counter()
        STEP_SECONDS.labels(name).observe(now - self._last)
        self._last = now
        if self._tell is not None:
            self._tell(name)


def add(counter: Counter, seen: Mapping[tuple[str, str], int]) -> None:
    """Count what a batch has seen: one update for each pair of type and outcome that occurs."""
    for labels, count in seen.items():
        counter.labels(*labels).inc(count)


@contextmanager
def transaction() -> Iterator[None]:
    """Counts how a batch's transaction ends."""
    outcome = "failed"
    try:
        yield
        outcome = "committed"
    except Moved:
        outcome = "moved"
        raise
    except Stop:
        outcome = "stopped"
        raise
    finally:
        TRANSACTIONS.labels(outcome).inc()


def count_deliveries(counts: Mapping[str, int]) -> None:
    """Set the gauges of webhooks."""
    for status in ("active", "paused", "gone", "unconfirmed", "stopped", "stands_still"):
        SUBSCRIPTIONS.labels(status).set(counts.get(status, 0))
    for state in ("parked", "dead"):
        LANES.labels(state).set(counts.get(state, 0))
    DELIVERY_BEHIND.set(counts.get("behind", 0))
