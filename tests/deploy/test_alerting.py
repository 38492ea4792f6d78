"""Alerts reach a receiver: the delivered configuration in a real Alertmanager, with a receiver as operators add it."""

import asyncio
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from local.stack.paths import REPOSITORY
from local.stack.ports import free_port
from local.stack.process import Process

DELIVERED = REPOSITORY / "deploy" / "alertmanager" / "alertmanager.yml"
AMTOOL, ALERTMANAGER = shutil.which("amtool"), shutil.which("prometheus-alertmanager")
ARRIVES_SECONDS = 20.0
needs_it = pytest.mark.skipif(
    AMTOOL is None or ALERTMANAGER is None,
    reason="Alertmanager is not installed (Debian: apt-get install prometheus-alertmanager)",
)


def amtool(*words: str) -> str:
    done = subprocess.run([str(AMTOOL), *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_prometheus_tells_the_alertmanager_of_compose() -> None:
    for file in ("prometheus.yml", "prometheus.tls.yml"):
        told = yaml.safe_load((REPOSITORY / "deploy" / "prometheus" / file).read_text(encoding="utf-8"))["alerting"]
        assert told == {"alertmanagers": [{"static_configs": [{"targets": ["alertmanager:9093"]}]}]}


def test_what_is_left_out_beside_another_alert_is_an_alert() -> None:
    rules = (REPOSITORY / "deploy" / "prometheus" / "rules.yml").read_text(encoding="utf-8")
    (inhibit,) = yaml.safe_load(DELIVERED.read_text(encoding="utf-8"))["inhibit_rules"]
    said = [*inhibit["source_matchers"], *inhibit["target_matchers"]]
    names = [name for one in said for name in one.split('"')[1].split("|")]
    assert len(names) == 4
    assert all(f"alert: {name}\n" in rules for name in names)


@needs_it
@pytest.mark.parametrize(("severity", "receiver"), [("critical", "on call"), ("warning", "people")])
def test_each_severity_has_its_receiver(severity: str, receiver: str) -> None:
    assert amtool("check-config", str(DELIVERED))
    assert amtool("config", "routes", "test", f"--config.file={DELIVERED}", f"severity={severity}").strip() == receiver


@needs_it
async def test_an_alert_reaches_who_was_added(tmp_path: Path) -> None:
    came: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length:")[2].split("\r\n")[0])
        came.put_nowait(json.loads(await reader.readexactly(length)))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        config = yaml.safe_load(DELIVERED.read_text(encoding="utf-8"))
        config["route"]["group_wait"] = "0s"
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        config["receivers"][1]["webhook_configs"] = [{"url": url}]
        (tmp_path / "alertmanager.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
        port = free_port(None)
        process = await Process.start(
            "alertmanager",
            [
                str(ALERTMANAGER),
                f"--config.file={tmp_path / 'alertmanager.yml'}",
                f"--storage.path={tmp_path / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--cluster.listen-address=",
            ],
            log=tmp_path / "alertmanager.log",
        )
        try:
            await _ready(f"http://127.0.0.1:{port}/-/ready")
            words = ["alert", "add", "GuanxiTest", "severity=critical"]
            await asyncio.to_thread(amtool, f"--alertmanager.url=http://127.0.0.1:{port}", *words)
            told = await asyncio.wait_for(came.get(), ARRIVES_SECONDS)
        finally:
            await process.stop()
    assert told["receiver"] == "on call"
    assert [one["labels"]["alertname"] for one in told["alerts"]] == ["GuanxiTest"]


async def _ready(url: str) -> None:
    async with asyncio.timeout(ARRIVES_SECONDS), httpx.AsyncClient(trust_env=False) as client:
        while True:
            try:
                if (await client.get(url)).is_success:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)
