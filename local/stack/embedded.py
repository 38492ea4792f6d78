"""librdkafka's mock cluster as a broker in a process of its own, for machines without Java. Not a real Kafka.

In memory; one member per group; about 5 MB per partition, then its oldest records go; producers' timestamps
stay although LogAppendTime is asked for; topics cannot be created through it, so they are made here.

Run as `python -m local.stack.embedded ENDPOINT_FILE [TOPIC:PARTITIONS ...]`.
"""

import asyncio
import ctypes
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from local.stack.paths import REPOSITORY
from local.stack.process import Process
from local.stack.server import Ask, Server, StartedAt

_START_TIMEOUT_S = 20.0
_PRODUCER = 0  # RD_KAFKA_PRODUCER
_TEXT_BYTES = 512


def why_not() -> str | None:
    try:
        _library()
    except (ImportError, OSError, IndexError):
        return "confluent-kafka, which contains the embedded broker, is not installed"
    return None


def _library() -> ctypes.CDLL:
    """The librdkafka inside confluent_kafka's wheel: its Python side cannot create a mock topic."""
    import confluent_kafka  # noqa: PLC0415  (loads the library and what it needs)

    package = Path(confluent_kafka.__file__).parent
    places = [(package.with_suffix(".libs"), "librdkafka*"), (package / ".dylibs", "librdkafka*")]
    found = [path for folder, pattern in places for path in sorted(folder.glob(pattern))]
    library = ctypes.CDLL(str(found[0]))
    for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_handle_mock_cluster"):
        getattr(library, name).restype = ctypes.c_void_p
    library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
    return library


def _serve(endpoint_file: Path, topics: Mapping[str, int]) -> None:
    library = _library()
    text = ctypes.create_string_buffer(_TEXT_BYTES)
    configuration = ctypes.c_void_p(library.rd_kafka_conf_new())
    settings = {"bootstrap.servers": "none:1", "test.mock.num.brokers": "1", "log_level": "3"}
    for key, value in settings.items():
        if library.rd_kafka_conf_set(configuration, key.encode(), value.encode(), text, _TEXT_BYTES):
            raise RuntimeError(text.value.decode())
    handle = ctypes.c_void_p(library.rd_kafka_new(_PRODUCER, configuration, text, _TEXT_BYTES))
    if handle.value is None:
        raise RuntimeError(text.value.decode())
    cluster = ctypes.c_void_p(library.rd_kafka_handle_mock_cluster(handle))
    for topic, partitions in topics.items():
        error = library.rd_kafka_mock_topic_create(cluster, topic.encode(), partitions, 1)
        if error:
            raise RuntimeError(f"topic {topic}: librdkafka error {error}")
    partial = endpoint_file.with_suffix(".partial")
    partial.write_bytes(library.rd_kafka_mock_cluster_bootstraps(cluster))
    partial.rename(endpoint_file)
    signal.pause()  # until the guard ends us


async def start_embedded(ask: Ask, topics: Mapping[str, int], say: Callable[[str], None]) -> Server:
    """Starts it with `topics` (name to number of partitions) in it."""
    started = StartedAt()
    endpoint_file = ask.folder / "embedded-broker"
    ask.folder.mkdir(parents=True, exist_ok=True)
    endpoint_file.unlink(missing_ok=True)
    words = [f"{topic}:{partitions}" for topic, partitions in topics.items()]
    process = await Process.start(
        "embedded broker",
        [sys.executable, "-m", "local.stack.embedded", endpoint_file, *words],
        log=ask.logs / "kafka.log",
        cwd=REPOSITORY,
        stop_signal=signal.SIGKILL,
    )

    async def ready() -> bool:
        await asyncio.sleep(0)
        return endpoint_file.exists()

    await process.until(ready, what="ready", timeout_s=_START_TIMEOUT_S)
    endpoint = endpoint_file.read_text(encoding="ascii")
    say(f"Embedded broker ready on {endpoint} in {started.seconds():.1f} s: NOT a real Kafka, in memory only")
    return Server("librdkafka's embedded broker, NOT a real Kafka", endpoint, process, real=False)


def main() -> None:
    file, *words = sys.argv[1:]
    _serve(Path(file), {topic: int(count) for topic, count in (word.rsplit(":", 1) for word in words)})


if __name__ == "__main__":
    main()
