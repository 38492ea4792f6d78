"""Three machines on this one, as docs/cluster.md has them: its commands are read from that page."""

import json
import os
import re
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from local.stack.paths import REPOSITORY
from shared.settings import Settings

PAGE = REPOSITORY / "docs" / "cluster.md"
NODES = (1, 2, 3)
WITH_SERVICES = (1, 2)
SERVERS = ("kafka", "mongo")
OURS = re.compile(r"guanxi-\d-(?!setup|secrets|cli)[a-z]+-\d+")
NETWORK = "guanxi-cluster"
COMMAND_SECONDS = 1_800.0
PARTITIONS = 6
SMALL = {
    "GUANXI_PARTITIONS": str(PARTITIONS),
    "GUANXI_POLICY_FILE": "wholesale-gbp.yaml",
    "GUANXI_TIME_ZONE": "Europe/London",
    "GUANXI_SWEEP_EVERY_SECONDS": "1",
    "GUANXI_SESSION_TIMEOUT_MS": "6000",
    "GUANXI_KAFKA_HEAP": "-Xms192m -Xmx384m",
    "GUANXI_MONGO_CACHE_GB": "0.25",
    "COMPOSE_ENV_FILES": os.devnull,
}


def commands(heading: str, page: Path = PAGE) -> str:
    """The commands of the first block below a heading of the page."""
    below = page.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2]
    found = re.search(r"```sh\n(.*?)```", below, re.DOTALL)
    assert found, f"no commands below {heading!r}"
    return found[1]


@dataclass
class Machines:
    """environment: variables of .env.example."""

    environment: Mapping[str, str] = field(default_factory=dict)

    def shell(self, script: str) -> str:
        """Runs a script in the repository; raises with all that it said when it fails."""
        ran = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=REPOSITORY,
            env={**os.environ, **SMALL, **self.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        assert ran.returncode == 0, f"{script}\nended with {ran.returncode}\n{ran.stdout[-2000:]}\n{ran.stderr[-2000:]}"
        return ran.stdout

    def on(self, node: int, *words: str) -> str:
        """`docker compose <words>` on one of the machines."""
        return self.shell(" ".join([f"deploy/cluster/machine {node} docker compose", *words]))

    def docker(self, *words: str) -> str:
        return self.shell(" ".join(["docker", *words]))

    def inspect(self, container: str) -> dict[str, Any]:
        (found,) = json.loads(self.docker("inspect", container))
        return dict(found)

    def address(self, container: str) -> str:
        """Within the network of the machines."""
        return str(self.inspect(container)["NetworkSettings"]["Networks"][NETWORK]["IPAddress"])

    def containers(self) -> list[str]:
        """Names of those that are to run, whatever number an upgrade gave them."""
        said = self.docker("ps", "-a", "--filter", f"network={NETWORK}", "--format", "'{{.Names}}'").split()
        return [name for name in said if OURS.fullmatch(name)]

    def running(self) -> bool:
        """Whether every container that there is runs."""
        said = self.docker("ps", "--format", "'{{.Names}}'").split()
        return all(name in said for name in self.containers())

    def secret(self, name: str) -> dict[str, str]:
        """What the owner of a name connects with."""
        said = self.on(1, "run", "--rm", "-T", "--no-deps", "secrets", "show", name)
        return dict(line.split("=", 1) for line in said.splitlines() if "=" in line)

    def settings(self, ca_file: Path) -> Settings:
        """Of the operator, who may read everything; from outside of the containers."""
        ca_file.write_text(self.on(1, "exec", "-T", "ingest", "cat", "/run/secrets/guanxi/ca.pem"), encoding="utf-8")
        who = self.secret("operator")
        return Settings(
            kafka_bootstrap=",".join(f"kafka-{node}:9092" for node in NODES),
            kafka_username="operator",
            kafka_password=SecretStr(who["GUANXI_KAFKA_PASSWORD"]),
            kafka_ca_file=ca_file,
            mongo_uri=SecretStr(f"mongodb://{','.join(f'mongo-{node}:27017' for node in NODES)}/?replicaSet=guanxi"),
            mongo_username="operator",
            mongo_password=SecretStr(who["GUANXI_MONGO_PASSWORD"]),
            mongo_ca_file=ca_file,
            partitions=PARTITIONS,
            replication=len(NODES),
            time_zone=SMALL["GUANXI_TIME_ZONE"],
        )

    def know_names(self) -> None:
        """This process finds the servers by their names, as containers do: their certificates are for those."""
        known = {f"{name}-{node}": container(node, name) for name in SERVERS for node in NODES}
        system = socket.getaddrinfo

        def find(host: Any, *more: Any, **others: Any) -> Any:
            text = host.decode() if isinstance(host, bytes) else host
            if text in known:
                try:
                    host = self.address(known[text])
                except (AssertionError, KeyError):
                    host = ""
                if not host:
                    raise socket.gaierror(socket.EAI_NONAME, f"{text} is not in the network")
            return system(host, *more, **others)

        socket.getaddrinfo = find


def container(node: int, service: str) -> str:
    """Its name, as long as no upgrade has replaced it."""
    return f"guanxi-{node}-{service}-1"
