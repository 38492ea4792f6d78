"""The project is up after one command: what it shows to the outside, and what its containers may do."""

import json

import pytest

from services import SERVICES
from tests.compose.project import Project

pytestmark = [pytest.mark.compose, pytest.mark.timeout(600)]

OURS = tuple(SERVICES)
SERVERS = ("kafka", "mongo", "front")
ALL = (*OURS, *SERVERS)


def test_one_command_brings_everything_up_healthy(project: Project) -> None:
    assert {service: project.health(service) for service in ALL} == dict.fromkeys(ALL, "healthy")


def test_only_the_door_and_the_api_are_published_and_on_loopback(project: Project) -> None:
    published = {
        (service, inside, one["HostIp"])
        for service in ALL
        for inside, ports in project.inspect(service)["NetworkSettings"]["Ports"].items()
        for one in ports or ()
    }
    assert published == {("front", "8080/tcp", "127.0.0.1"), ("front", "8081/tcp", "127.0.0.1")}


@pytest.mark.parametrize("service", ALL)
def test_containers_have_no_more_than_they_need(project: Project, service: str) -> None:
    found = project.inspect(service)
    host = found["HostConfig"]
    assert found["Config"]["User"] not in {"", "root", "0", "0:0"}
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert host["Memory"] > 0
    assert host["NanoCpus"] > 0
    assert host["PidsLimit"] > 0
    if service in {*OURS, "front"}:
        assert host["ReadonlyRootfs"]
    volumes = [one["Name"] for one in found["Mounts"] if one["Type"] == "volume"]
    assert not [name for name in volumes if not name.startswith(f"{project.name}_")], "an anonymous one stays behind"


def test_no_secret_is_in_an_environment_or_a_command_line(project: Project) -> None:
    known = [value for name in ("setup", *OURS, "operator", "reader") for value in project.secret(name).values()]
    passwords = [value for value in known if len(value) == 40]
    assert len(passwords) > 8
    for service in ("secrets", "setup", *ALL):
        said = json.dumps(project.inspect(service)) + project.logs(service)
        assert not [password for password in passwords if password in said], service


def test_the_brokers_own_password_is_in_no_environment_and_no_file_that_others_read(project: Project) -> None:
    (kafka,) = project.containers("kafka")
    password = project.docker("exec", kafka, "cat", "/run/secrets/guanxi/broker_password")
    assert len(password) == 40
    assert password not in project.docker("exec", kafka, "cat", "/proc/1/environ", "/proc/1/cmdline")
    look = f"grep -rls {password} /opt/kafka/config /etc/kafka /tmp /var/lib/kafka | xargs -r stat -c '%a %n'"
    readable = [line for line in project.docker("exec", kafka, "bash", "-c", look).splitlines() if line[:3] != "600"]
    assert not readable


def test_each_container_sees_its_own_secrets_only(project: Project) -> None:
    seen = {service: project.compose("exec", "-T", service, "ls", "/run/secrets/guanxi").split() for service in OURS}
    own = ["ca.pem", "guanxi_kafka_password", "guanxi_mongo_password"]
    assert seen["tiering"] == seen["engagement"] == own
    assert set(own) <= set(seen["ingest"])
    texts = {
        service: project.compose("exec", "-T", service, "cat", "/run/secrets/guanxi/guanxi_mongo_password")
        for service in OURS
    }
    assert len(set(texts.values())) == len(OURS)


def test_a_second_up_changes_nothing(project: Project) -> None:
    before = {service: project.inspect(service) for service in ALL}
    project.up()
    for service in ALL:
        after = project.inspect(service)
        assert (after["Id"], after["State"]["StartedAt"]) == (
            before[service]["Id"],
            before[service]["State"]["StartedAt"],
        )
    assert project.logs("setup").splitlines()[-1] == "nothing to do: everything is set up"
    assert project.logs("secrets").count("made users/reader/") == 1


def test_the_image_says_what_it_is_and_what_it_holds(project: Project, image: str) -> None:
    found = json.loads(project.docker("image", "inspect", f"guanxi:{image}"))[0]["Config"]
    assert found["User"] == "10001:10001"
    assert {"title", "version", "licenses"} <= {name.rpartition(".")[2] for name in found["Labels"]}
    sbom = json.loads(project.docker("exec", project.probe, "cat", "/usr/share/guanxi/sbom.cdx.json"))
    assert sbom["bomFormat"] == "CycloneDX"
    assert {"aiokafka", "pymongo", "starlette"} <= {part["name"] for part in sbom["components"]}
    assert "pip" not in {part["name"] for part in sbom["components"]}
