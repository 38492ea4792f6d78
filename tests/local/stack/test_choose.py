"""Which Kafka and MongoDB are taken, and what is said when there are none."""

import pytest

from local.stack import containers, embedded, kafka, mongod
from local.stack.choose import FOR_PEOPLE, FOR_TESTS, Kind, choose
from local.stack.errors import StackError


class Machine:
    """A machine that has what it is said to have."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *has: str) -> None:
        def unless(what: str) -> str | None:
            return None if what in has else f"{what} is missing"

        monkeypatch.setattr(containers, "why_not", lambda _: unless("docker"))
        monkeypatch.setattr(kafka, "why_not", lambda: unless("java"))
        monkeypatch.setattr(mongod, "why_not", lambda: unless("wheel"))
        monkeypatch.setattr(embedded, "why_not", lambda: unless("librdkafka"))


def test_tests_prefer_docker_and_people_local_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    Machine(monkeypatch, "docker", "java", "wheel", "librdkafka")
    assert choose(FOR_TESTS, {}).kafka is Kind.DOCKER
    assert choose(FOR_TESTS, {}).mongo is Kind.DOCKER
    assert choose(FOR_PEOPLE, {}).kafka is Kind.LOCAL
    assert choose(FOR_PEOPLE, {}).mongo is Kind.LOCAL


def test_without_docker_tests_take_local_processes_and_say_why(monkeypatch: pytest.MonkeyPatch) -> None:
    Machine(monkeypatch, "java", "wheel")
    choice = choose(FOR_TESTS, {})
    assert (choice.kafka, choice.mongo) == (Kind.LOCAL, Kind.LOCAL)
    assert choice.reasons == (
        "Kafka: not docker, as docker is missing",
        "MongoDB: not docker, as docker is missing",
    )


def test_without_java_and_docker_there_is_the_embedded_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    Machine(monkeypatch, "wheel", "librdkafka")
    choice = choose(FOR_PEOPLE, {})
    assert (choice.kafka, choice.mongo) == (Kind.EMBEDDED, Kind.LOCAL)
    assert "Kafka: not local, as java is missing" in choice.reasons


def test_the_embedded_broker_is_none_where_a_real_kafka_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    Machine(monkeypatch, "wheel", "librdkafka")
    with pytest.raises(StackError, match=r"(?s)can't start Kafka here; install Java 17.*java is missing"):
        choose(FOR_TESTS, {}, real_kafka_only=True)


def test_without_the_wheel_mongodb_comes_from_docker_or_what_to_install_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Machine(monkeypatch, "java", "docker")
    assert choose(FOR_PEOPLE, {}).mongo is Kind.DOCKER
    Machine(monkeypatch, "java")
    with pytest.raises(StackError, match=r"can't start MongoDB here; install Docker, or MongoDB 6"):
        choose(FOR_PEOPLE, {})


def test_endpoints_from_the_environment_win_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    Machine(monkeypatch, "java", "wheel")
    choice = choose(FOR_TESTS, {"GUANXI_KAFKA_BOOTSTRAP": "broker:9092"})
    assert (choice.kafka, choice.mongo) == (Kind.GIVEN, Kind.LOCAL)
    choice = choose(FOR_TESTS, {"GUANXI_MONGO_URI": "mongodb://m"})
    assert (choice.kafka, choice.mongo) == (Kind.LOCAL, Kind.GIVEN)


@pytest.mark.parametrize(
    ("forced", "kafka_kind", "mongo_kind"),
    [
        ("local", Kind.LOCAL, Kind.LOCAL),
        ("docker", Kind.DOCKER, Kind.DOCKER),
        ("embedded", Kind.EMBEDDED, Kind.LOCAL),
    ],
)
def test_guanxi_stack_forces_one_kind(
    monkeypatch: pytest.MonkeyPatch, forced: str, kafka_kind: Kind, mongo_kind: Kind
) -> None:
    Machine(monkeypatch, "docker", "java", "wheel", "librdkafka")
    choice = choose(FOR_TESTS, {"GUANXI_STACK": forced})
    assert (choice.kafka, choice.mongo) == (kafka_kind, mongo_kind)


def test_a_forced_kind_that_cannot_be_had_is_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    Machine(monkeypatch, "java", "wheel", "librdkafka")
    with pytest.raises(StackError, match="docker is missing"):
        choose(FOR_TESTS, {"GUANXI_STACK": "docker"})


def test_a_misspelt_kind_is_refused() -> None:
    with pytest.raises(StackError, match="GUANXI_STACK=dokcer: must be local, docker or embedded"):
        choose(FOR_TESTS, {"GUANXI_STACK": "dokcer"})
