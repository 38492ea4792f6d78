"""docs/rotate.md as it stands: what is new works, what was before does not, and the door takes events afterwards."""

import pytest

from tests.compose.programs import RIGHTS_IN_MONGODB, RIGHTS_ON_KAFKA
from tests.compose.project import Project, until
from tests.compose.purchases import by_kafka, purchases, shown, sums

pytestmark = [pytest.mark.compose, pytest.mark.timeout(600)]

BEFORE_A_RELEASE = pytest.mark.release(
    "two restarts of MongoDB, six of everything; test_secrets_script knows the rounds"
)
SHOWN_SECONDS = 120


def rotate(project: Project, *names: str) -> str:
    return project.compose("run", "--rm", "-T", "--no-deps", "secrets", "rotate", *names)


def assert_all_goes_on(project: Project, prefix: str) -> None:
    """From the inbox to what a reader sees."""
    sent = purchases(prefix, 50)
    by_kafka(project, sent)
    until(lambda: shown(project, prefix) == sums(sent), "every purchase shows", seconds=SHOWN_SECONDS)


def as_root(project: Project, password: str) -> bool:
    """Whether MongoDB knows root by this password; typed within its container, where alone root may be."""
    program = f"quit(db.getSiblingDB('admin').auth('root', '{password}').ok ? 0 : 1)"
    said = ("exec", "-T", "mongo", "mongosh", "--quiet", "--norc", "--host", "localhost", "--file", "/dev/stdin")
    return "MongoServerError" not in project.compose(*said, stdin=program, check=False)


def test_passwords_rotate(project: Project) -> None:
    before = {name: project.secret(name) for name in ("reader", "shop")}
    project.compose("run", "--rm", "-T", "--no-deps", "secrets", "rotate", "reader", "shop")
    said = project.set_up()
    assert "MongoDB user reader has a new password" in said
    assert "Kafka user shop created, or its password changed" in said
    after = {name: project.secret(name) for name in before}
    mongo = [
        ["reader", one["reader"]["GUANXI_MONGO_PASSWORD"], name, "find"]
        for one, name in ((before, "customers"), (after, "tier_history"))
    ]
    assert project.python(RIGHTS_IN_MONGODB, {"cases": mongo}) == {
        "reader/customers/find": "AuthenticationFailed",
        "reader/tier_history/find": "allowed",
    }
    kafka = [["shop", one["shop"]["GUANXI_KAFKA_PASSWORD"], "write", "guanxi.inbox", ""] for one in (before, after)]
    assert "allowed" not in project.python(RIGHTS_ON_KAFKA, {"cases": kafka[:1]}).values()
    assert "allowed" in project.python(RIGHTS_ON_KAFKA, {"cases": kafka[1:]}).values()
    assert "everything is set up" in project.set_up()


def test_set_up_and_root_get_new_passwords_from_servers_that_run(project: Project) -> None:
    def both() -> tuple[dict[str, str], str]:
        root = project.compose("run", "--rm", "-T", "--no-deps", "secrets", "show", "root")
        return project.secret("setup"), root.split()[-1]

    (old, old_root), _ = both(), rotate(project, "setup")
    rotate(project, "root")
    rotate(project, "root")  # once more before MongoDB was told
    project.compose("exec", "-T", "kafka", "bash", "/etc/guanxi/passwords")
    project.compose("exec", "-T", "mongo", "bash", "/etc/guanxi/passwords")
    new, new_root = both()
    project.up()
    assert "everything is set up" in project.set_up()
    mongo = [["setup", one["GUANXI_MONGO_PASSWORD"], name, "find"] for one, name in ((old, "setup"), (new, "people"))]
    assert project.python(RIGHTS_IN_MONGODB, {"cases": mongo}) == {
        "setup/setup/find": "AuthenticationFailed",
        "setup/people/find": "allowed",
    }
    kafka = [["setup", one["GUANXI_KAFKA_PASSWORD"], "write", "guanxi.inbox", ""] for one in (old, new)]
    assert "allowed" not in project.python(RIGHTS_ON_KAFKA, {"cases": kafka[:1]}).values()
    assert "allowed" in project.python(RIGHTS_ON_KAFKA, {"cases": kafka[1:]}).values()
    assert [as_root(project, one) for one in (old_root, new_root)] == [False, True]


def test_the_broker_gets_a_new_password(project: Project) -> None:
    rotate(project, "broker")
    project.compose("restart", "kafka")
    project.up()
    assert "everything is set up" in project.set_up()
    assert_all_goes_on(project, "broker")


@BEFORE_A_RELEASE
def test_the_key_file_changes_in_two_rounds(project: Project) -> None:
    for said in ("1 of 2", "2 of 2"):
        assert said in rotate(project, "keyfile")
        project.compose("restart", "mongo")
        project.up()
    assert_all_goes_on(project, "keyfile")
