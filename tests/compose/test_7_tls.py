"""A running deployment goes over to TLS, and Kafka and MongoDB open for machines outside."""

import json
import ssl
from pathlib import Path

import httpx
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from local.stack.ports import free_port
from services import SERVICES
from tests.compose.project import Project

pytestmark = [pytest.mark.compose, pytest.mark.timeout(600)]

FILES = ("docker-compose.yml", "docker-compose.tls.yml", "docker-compose.outside.yml")


@pytest.fixture(scope="module")
def ports() -> dict[str, int]:
    """Where Kafka and MongoDB are published."""
    return {"kafka": free_port(None), "mongo": free_port(None)}


@pytest.fixture(scope="module")
def encrypted(project: Project, ports: dict[str, int]) -> Project:
    """The same deployment, with the same data and passwords."""
    project.files = FILES
    project.environment = {
        **project.environment,
        "GUANXI_OUTSIDE_KAFKA_PORT": str(ports["kafka"]),
        "GUANXI_OUTSIDE_MONGO": f"127.0.0.1:{ports['mongo']}",
    }
    project.up()
    return project


@pytest.fixture(scope="module")
def authority(encrypted: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificate that clients trust, fetched as documented."""
    file = tmp_path_factory.mktemp("tls") / "ca.pem"
    encrypted.compose("cp", "ingest:/run/secrets/guanxi/ca.pem", str(file))
    return file


def test_all_is_healthy_and_set_up_without_a_change(encrypted: Project) -> None:
    services = (*SERVICES, "kafka", "mongo")
    assert {encrypted.health(service) for service in services} == {"healthy"}
    assert encrypted.logs("setup").splitlines()[-1] == "nothing to do: everything is set up"


def test_the_status_is_well_by_tls_too(encrypted: Project) -> None:
    found = json.loads(encrypted.compose("run", "--rm", "-T", "cli", "guanxi", "status", "--json"))
    assert found["well"], found


def test_the_door_speaks_https_and_nothing_else(encrypted: Project, authority: Path) -> None:
    port = encrypted.door().rpartition(":")[2]
    context = ssl.create_default_context(cafile=str(authority))
    with httpx.Client(verify=context, trust_env=False) as client:
        assert client.post(f"https://localhost:{port}/v1/events", json={}).status_code == httpx.codes.UNAUTHORIZED
    with pytest.raises(httpx.TransportError), httpx.Client(trust_env=False) as client:
        client.post(f"http://localhost:{port}/v1/events", json={})
    with pytest.raises(httpx.ConnectError), httpx.Client(trust_env=False) as client:
        client.post(f"https://localhost:{port}/v1/events", json={})


async def test_an_upstream_outside_writes_the_inbox_by_tls(
    encrypted: Project, authority: Path, ports: dict[str, int]
) -> None:
    options = {
        "bootstrap_servers": f"localhost:{ports['kafka']}",
        "sasl_mechanism": "SCRAM-SHA-256",
        "sasl_plain_username": "erp",
        "sasl_plain_password": encrypted.secret("erp")["GUANXI_KAFKA_PASSWORD"],
        "request_timeout_ms": 5000,
    }
    context = ssl.create_default_context(cafile=str(authority))
    async with AIOKafkaProducer(**options, security_protocol="SASL_SSL", ssl_context=context) as producer:
        await producer.send_and_wait("guanxi.inbox", b"{}")
    for user, mechanism in (("setup", "SCRAM-SHA-256"), ("setup", "SCRAM-SHA-512"), ("tiering", "SCRAM-SHA-256")):
        other = {"sasl_plain_username": user, "sasl_plain_password": encrypted.secret(user)["GUANXI_KAFKA_PASSWORD"]}
        inside = AIOKafkaProducer(
            **options | other | {"sasl_mechanism": mechanism}, security_protocol="SASL_SSL", ssl_context=context
        )
        with pytest.raises(KafkaError):
            await inside.start()
        await inside.stop()
    bare = AIOKafkaProducer(**options, security_protocol="SASL_PLAINTEXT")
    with pytest.raises(KafkaError):
        await bare.start()
    await bare.stop()


def test_a_reader_outside_reads_views_by_tls(encrypted: Project, authority: Path, ports: dict[str, int]) -> None:
    password = encrypted.secret("reader")["GUANXI_MONGO_PASSWORD"]
    address = f"mongodb://reader:{password}@localhost:{ports['mongo']}/guanxi?directConnection=true&authSource=guanxi"
    with MongoClient[dict[str, object]](address, tls=True, tlsCAFile=str(authority)) as client:
        assert client["guanxi"]["customers"].count_documents({}) >= 0
    with pytest.raises(PyMongoError), MongoClient[dict[str, object]](address, serverSelectionTimeoutMS=3000) as client:
        client["guanxi"]["customers"].find_one()


@pytest.mark.release("six restarts of everything; test_secrets_script knows the rounds, and who trusts whom after each")
@pytest.mark.timeout(900)
def test_the_authority_changes_in_three_rounds(encrypted: Project, tmp_path: Path) -> None:
    """docs/rotate.md: what was given out after the first round is good to the end, what was before no longer."""
    port = encrypted.door().rpartition(":")[2]

    def answers(trusted: Path) -> bool:
        context = ssl.create_default_context(cafile=str(trusted))
        with httpx.Client(verify=context, trust_env=False) as client:
            try:
                return (
                    client.post(f"https://localhost:{port}/v1/events", json={}).status_code == httpx.codes.UNAUTHORIZED
                )
            except httpx.ConnectError:
                return False

    given: list[Path] = []
    seen = []
    for number in (0, 1, 2, 3):
        if number:
            said = encrypted.compose("run", "--rm", "-T", "--no-deps", "secrets", "rotate", "authority")
            assert f"authority, {number} of 3" in said
            encrypted.compose("restart", timeout_s=300)
            encrypted.up()
            port = encrypted.door().rpartition(":")[2]
        given.append(tmp_path / f"{number}.pem")
        encrypted.compose("cp", "ingest:/run/secrets/guanxi/ca.pem", str(given[-1]))
        seen.append([answers(one) for one in given])
    assert seen == [[True], [True, True], [False, True, True], [False, True, True, True]]
    found = json.loads(encrypted.compose("run", "--rm", "-T", "cli", "guanxi", "status", "--json"))
    assert found["well"], found
