"""How long the servers' certificates hold, asked of the servers themselves: it is theirs of now that clients see."""

import asyncio
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from os import environ
from pathlib import Path
from urllib.parse import urlsplit

from operations.doctor.symptoms import Findings
from shared.mongo import SRV
from shared.settings import Settings

CERTIFICATES = "certificates"
LAST_DAYS, SOON_DAYS = 7, 30
"""Days before the end from which on it is wrong, and a warning. The first start within the last 60 renews (Compose)."""
DAY_SECONDS = 86_400
ANSWER_SECONDS = 5
MONGODB_PORT = 27017
_RENEW = "restart what shows it: deploy/secrets renews in the last 60 days (docs/security.md); else renew it yourself"


async def look_at_certificates(settings: Settings, findings: Findings) -> None:
    """Of each server that this process reaches by TLS."""
    now = datetime.now(UTC).timestamp()
    for name, host, port, authority in _servers(settings):
        try:
            ends = await _end(host, port, authority)
        except (OSError, TimeoutError) as error:
            why = "clients that check it do not connect"
            findings.wrong(CERTIFICATES, f"{name} at {host}:{port} shows no valid certificate: {error}", why, _RENEW)
            continue
        findings.certificates_end[name] = ends
        days = (ends - now) / DAY_SECONDS
        if days < SOON_DAYS:
            say = findings.wrong if days < LAST_DAYS else findings.warn
            say(CERTIFICATES, f"the certificate of {name} ends in {days:.0f} days", "then nobody connects", _RENEW)
    told = [
        f"{name} until {datetime.fromtimestamp(at, UTC):%Y-%m-%d}" for name, at in findings.certificates_end.items()
    ]
    findings.checked[CERTIFICATES] = ", ".join(told) or "no TLS here"


def _servers(settings: Settings) -> Iterator[tuple[str, str, int, Path | None]]:
    if settings.kafka_encrypted:
        host, _, port = settings.kafka_servers[0].rpartition(":")
        yield "kafka", host.strip("[]"), int(port), settings.kafka_ca_file
    uri = urlsplit(settings.mongo_uri.get_secret_value())
    if (settings.mongo_tls or settings.mongo_ca_file) and uri.scheme != SRV:
        first = uri.netloc.rpartition("@")[2].partition(",")[0]
        server = urlsplit(f"//{first}")
        yield "mongodb", server.hostname or "", server.port or MONGODB_PORT, settings.mongo_ca_file
    door = urlsplit(environ.get("GUANXI_DOOR_URL", ""))
    if door.scheme == "https" and door.hostname and settings.kafka_ca_file:
        yield "door", door.hostname, door.port or 443, settings.kafka_ca_file


async def _end(host: str, port: int, authority: Path | None) -> float:
    """In seconds since 1970. Raises OSError where there is none, or none of this authority; None: the system's."""
    context = ssl.create_default_context(cafile=authority)
    _, writer = await asyncio.wait_for(asyncio.open_connection(host, port, ssl=context), ANSWER_SECONDS)
    try:
        return float(ssl.cert_time_to_seconds(writer.get_extra_info("peercert")["notAfter"]))
    finally:
        writer.close()
