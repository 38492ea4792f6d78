"""What is done to the three machines while events flow. Each ends with everything that it took being there again."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from services import SERVICES
from tests.cluster.machines import NETWORK, NODES, Machines, commands, container

LOOK_SECONDS = 15.0
GONE_SECONDS = 20.0
"""Longer than a session of Kafka (6 s), an election in MongoDB (10 s) and a broker's time in the cluster (9 s)."""


@dataclass(frozen=True)
class Cluster:
    """machines, and the address of MongoDB with a user who may ask who is the primary."""

    machines: Machines
    mongo_uri: str

    def primary(self) -> int:
        """On which machine it is now."""
        with MongoClient(self.mongo_uri, serverSelectionTimeoutMS=30_000) as client:  # type: ignore[var-annotated]
            client.admin.command("ping")
            assert client.primary is not None
            return int(client.primary[0].rpartition("-")[2])

    def nodes_agree(self) -> bool:
        """Whether MongoDB has a primary, and two that copy from it."""
        try:
            with MongoClient(self.mongo_uri, serverSelectionTimeoutMS=5_000) as client:  # type: ignore[var-annotated]
                client.admin.command("ping")
                deadline = time.monotonic() + LOOK_SECONDS
                while len(client.secondaries) < len(NODES) - 1 and time.monotonic() < deadline:
                    time.sleep(0.1)
                return client.primary is not None and len(client.secondaries) == len(NODES) - 1
        except PyMongoError:
            return False


Act = Callable[[Cluster], None]


def wait() -> None:
    """Let events flow while something is gone."""
    time.sleep(GONE_SECONDS)


def calm(cluster: Cluster) -> None:
    """Nothing is done."""
    del cluster
    wait()


def kill(cluster: Cluster, *names: str) -> None:
    """SIGKILL, and a start again when it is over."""
    cluster.machines.docker("kill", *names)
    wait()
    cluster.machines.docker("start", *names)


def cut_off(cluster: Cluster, node: int, server: str) -> None:
    """From everyone, as if its cable were drawn."""
    name = container(node, server)
    cluster.machines.docker("network", "disconnect", NETWORK, name)
    wait()
    aliases = ["--alias", f"{server}-{node}", "--alias", server]
    cluster.machines.docker("network", "connect", *aliases, NETWORK, name)


def apart(cluster: Cluster, one: int, other: int, server: str) -> None:
    """Two of a kind do not hear each other; everyone else hears both."""
    ends = {one: other, other: one}
    routes = [
        f"nsenter -t {cluster.machines.inspect(container(here, server))['State']['Pid']} -n "
        f"ip route VERB blackhole {cluster.machines.address(container(there, server))}/32"
        for here, there in ends.items()
    ]
    for route in routes:
        cluster.machines.shell(route.replace("VERB", "add"))
    wait()
    for route in routes:
        cluster.machines.shell(route.replace("VERB", "del"))


def lose_machine(cluster: Cluster) -> None:
    """All of machine 2 at once."""
    names = [name for name in cluster.machines.containers() if name.startswith("guanxi-2-")]
    kill(cluster, *names)


def replace_machine(cluster: Cluster) -> None:
    """Machine 3 loses its disks, and is made anew as the page says."""
    cluster.machines.shell(commands("Replace a machine"))


def upgrade(cluster: Cluster) -> None:
    """Every container of every machine is made anew, as the page says."""
    cluster.machines.shell(commands("A new version"))


FAULTS: dict[str, tuple[str, Act]] = {
    "calm": ("nothing", calm),
    "broker": ("a broker killed", lambda it: kill(it, container(2, "kafka"))),
    "primary": ("MongoDB's primary killed", lambda it: kill(it, container(it.primary(), "mongo"))),
    "services": ("every service of a machine killed", lambda it: kill(it, *(container(1, name) for name in SERVICES))),
    "front": ("a machine's front killed", lambda it: kill(it, container(2, "front"))),
    "broker-cut": ("a broker cut off from everyone", lambda it: cut_off(it, 1, "kafka")),
    "primary-cut": ("MongoDB's primary cut off from everyone", lambda it: cut_off(it, it.primary(), "mongo")),
    "brokers-apart": ("two brokers do not hear each other", lambda it: apart(it, 1, 2, "kafka")),
    "mongos-apart": (
        "MongoDB's primary and a secondary do not hear each other",
        lambda it: apart(it, it.primary(), it.primary() % 3 + 1, "mongo"),
    ),
    "machine": ("a whole machine lost, and back", lose_machine),
    "replace": ("a machine replaced by an empty one", replace_machine),
    "upgrade": ("everything replaced, one machine after the other", upgrade),
}
