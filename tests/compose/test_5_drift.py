"""Set-up stops loudly where somebody else changed what it relies on, says what, and leaves the change alone."""

import json

import pytest

from tests.compose.programs import MONGO
from tests.compose.project import Project

pytestmark = [pytest.mark.compose, pytest.mark.timeout(600)]

BEFORE_A_RELEASE = pytest.mark.release("a role and a validator stay in CI; shared/test_access knows all kinds")
AS_SETUP = (
    MONGO
    + """
with client("setup", A["password"]) as c:
    c["guanxi"].command(A["command"])
print(1)
"""
)


AS_AN_EARLIER_VERSION_LEFT_IT = (
    MONGO
    + """
with client("setup", A["password"]) as c:
    db, what = c["guanxi"], "role guanxi_tiering"
    note = json.loads(db["setup"].find_one({"_id": what})["value"])
    actions, more = note["privileges"].pop("tier_history_g9"), {"people": ["find"]}
    def privileges(some):
        return [{"resource": {"db": "guanxi", "collection": name}, "actions": some[name]} for name in some]
    db.command("revokePrivilegesFromRole", "guanxi_tiering", privileges=privileges({"tier_history_g9": actions}))
    db.command("grantPrivilegesToRole", "guanxi_tiering", privileges=privileges(more))
    note["privileges"] |= more
    db["setup"].update_one({"_id": what}, {"$set": {"value": json.dumps(note)}})
print(1)
"""
)


def mongodb(project: Project, command: dict[str, object]) -> None:
    password = project.secret("setup")["GUANXI_MONGO_PASSWORD"]
    project.python(AS_SETUP, {"password": password, "command": command})


def kafka(project: Project, script: str, *words: str) -> None:
    """One of Kafka's own tools, as the broker's superuser, on its loopback listener."""
    login = (
        "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.jaas.config="
        'org.apache.kafka.common.security.plain.PlainLoginModule required username=broker password="%s";\n'
    )
    line = (
        f"printf '{login}' \"$(cat /run/secrets/guanxi/broker_password)\" >/tmp/admin && /opt/kafka/bin/{script} "
        f"--bootstrap-server localhost:9094 --command-config /tmp/admin {' '.join(words)}"
    )
    project.compose("exec", "-T", "kafka", "bash", "-c", line)


def test_a_right_on_kafka_that_nobody_declared(project: Project) -> None:
    acl = ("--allow-principal", "User:mallory", "--operation", "Read", "--topic", "guanxi.log")
    kafka(project, "kafka-acls.sh", "--add", *acl)
    said = project.set_up()
    assert "mallory: READ topic guanxi.log" in said
    kafka(project, "kafka-acls.sh", "--remove", "--force", *acl)
    assert "everything is set up" in project.set_up()


def test_a_topic_with_another_configuration(project: Project) -> None:
    topic = ("--alter", "--entity-type", "topics", "--entity-name", "guanxi.log")
    kafka(project, "kafka-configs.sh", *topic, "--add-config", "retention.ms=1000000")
    assert "topic guanxi.log has retention.ms=1000000, but guanxi relies on -1" in project.set_up()
    kafka(project, "kafka-configs.sh", *topic, "--add-config", "retention.ms=-1")
    assert "everything is set up" in project.set_up()


def test_another_key_for_the_ids_of_persons(project: Project) -> None:
    said = project.set_up("-e", "GUANXI_PERSON_KEY=a key that is not the first one")
    assert "GUANXI_PERSON_KEY differs from this database's first one" in said


def test_rights_of_an_earlier_version_are_brought_up_to_date(project: Project) -> None:
    password = project.secret("setup")["GUANXI_MONGO_PASSWORD"]
    project.python(AS_AN_EARLIER_VERSION_LEFT_IT, {"password": password})
    assert "MongoDB role guanxi_tiering updated" in project.set_up()
    assert "everything is set up" in project.set_up()


@pytest.mark.parametrize(
    ("change", "back", "said"),
    [
        (
            {"grantPrivilegesToRole": "guanxi_reader", "privileges": [["people", "find"]]},
            {"revokePrivilegesFromRole": "guanxi_reader", "privileges": [["people", "find"]]},
            "role guanxi_reader in MongoDB was changed by hand",
        ),
        pytest.param(
            {"grantRolesToUser": "reader", "roles": ["readWrite"]},
            {"revokeRolesFromUser": "reader", "roles": ["readWrite"]},
            "the MongoDB user reader has the roles guanxi_reader@guanxi, readWrite@guanxi",
            marks=BEFORE_A_RELEASE,
        ),
        pytest.param(
            {"createUser": "mallory", "pwd": "a long enough word", "roles": ["read"]},
            {"dropUser": "mallory"},
            "the MongoDB user mallory has the roles read@guanxi",
            marks=BEFORE_A_RELEASE,
        ),
        pytest.param(
            {"collMod": "data_quality", "viewOn": "people", "pipeline": []},
            None,
            "view data_quality in MongoDB was changed by hand",
            marks=BEFORE_A_RELEASE,
        ),
        (
            {"collMod": "policies", "validator": {"version": 1}},
            None,
            "validator policies in MongoDB was changed by hand",
        ),
    ],
    ids=["role", "user", "strange user", "view", "validator"],
)
def test_something_in_mongodb_that_somebody_changed(
    project: Project, change: dict[str, object], back: dict[str, object] | None, said: str
) -> None:
    mongodb(project, _privileges(change))
    assert said in project.set_up()
    if back is None:  # as the message says: forget what was set, and it is set anew
        what = said.removesuffix(" in MongoDB was changed by hand")
        back = {"delete": "setup", "deletes": [{"q": {"_id": what}, "limit": 1}]}
    mongodb(project, _privileges(back))
    assert "set up" in project.set_up()
    assert "everything is set up" in project.set_up()


def _privileges(command: dict[str, object]) -> dict[str, object]:
    """MongoDB's long form of [collection, action]."""
    told = json.loads(json.dumps(command))
    if "privileges" in told:
        told["privileges"] = [
            {"resource": {"db": "guanxi", "collection": name}, "actions": [action]}
            for name, action in told["privileges"]
        ]
    changed: dict[str, object] = told
    return changed
