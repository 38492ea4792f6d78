"""Who may do what: refused are wrong passwords, wrong principals and wrong roles."""

import pytest

from tests.compose.programs import RIGHTS_IN_MONGODB, RIGHTS_ON_KAFKA
from tests.compose.project import Project

pytestmark = [pytest.mark.compose, pytest.mark.timeout(600)]

PRIVATE = (
    "tiering_g1",
    "engagement_g1",
    "people",
    "texts",
    "trail",
    "claims",
    "generations",
    "setup",
    "tiering_quarantine",
)
OPEN_VIEWS = ("customers", "tier_history", "engagement", "rep_weeks", "contact_plan", "concerns", "goals")
CONFIDENTIAL_VIEWS = ("key_persons", "relationship_assessments", "access_trail")
REFUSED = "Unauthorized"


def in_mongodb(project: Project, *cases: tuple[str, str, str]) -> dict[str, str]:
    """What comes of (user, collection, action)."""
    users = {user for user, _, _ in cases if user}
    passwords = {user: project.secret(user)["GUANXI_MONGO_PASSWORD"] for user in users}
    told = [[user, passwords.get(user, ""), collection, action] for user, collection, action in cases]
    found: dict[str, str] = project.python(RIGHTS_IN_MONGODB, {"cases": told})
    return found


def test_a_reader_reads_views_and_nothing_else(project: Project) -> None:
    found = in_mongodb(
        project,
        *(("reader", name, "find") for name in (*OPEN_VIEWS, *CONFIDENTIAL_VIEWS, *PRIVATE)),
        *(("reader", name, "insert") for name in ("customers", "people")),
        ("reader", "", "list users"),
        ("reader", "", "other database"),
        ("reader", "customers", "javascript"),
    )
    javascript = found.pop("reader/customers/javascript")
    allowed = {name for name, came in found.items() if came == "allowed"}
    assert allowed == {f"reader/{name}/find" for name in OPEN_VIEWS}
    assert {found[name] for name in found.keys() - allowed - {"reader/customers/insert"}} == {REFUSED}
    assert javascript != "allowed"


def test_confidential_views_need_their_own_role(project: Project) -> None:
    found = in_mongodb(
        project,
        *(("confidential", name, "find") for name in (*OPEN_VIEWS, *CONFIDENTIAL_VIEWS, *PRIVATE)),
    )
    allowed = {name.split("/")[1] for name, came in found.items() if came == "allowed"}
    assert allowed == {*OPEN_VIEWS, *CONFIDENTIAL_VIEWS}


def test_services_reach_their_own_collections_only(project: Project) -> None:
    found = in_mongodb(
        project,
        ("tiering", "tiering_g1", "find"),
        ("tiering", "people", "find"),
        ("tiering", "engagement_g1", "find"),
        ("tiering", "policies", "insert"),
        ("engagement", "claims", "find"),
        ("ingest", "people", "find"),
        ("ingest", "tiering_g1", "find"),
        *(("texts", name, "find") for name in ("texts", "trail", "people", "customers")),
        ("texts", "texts", "insert"),
        *(("query", name, "find") for name in ("texts", "trail")),
        ("archives", "trail", "find"),
        ("operator", "people", "find"),
        ("operator", "", "list users"),
        ("operator", "", "other database"),
        ("setup", "", "other database"),
    )
    allowed = {name for name, came in found.items() if came == "allowed"}
    mine = {"texts/texts/find", "texts/trail/find"}
    assert allowed == {"tiering/tiering_g1/find", "ingest/people/find", "operator/people/find", *mine}


def test_mongodb_takes_no_wrong_password_and_nobody_without_one(project: Project) -> None:
    cases = [["reader", "wrong", "customers", "find"], ["", "", "customers", "find"]]
    found = project.python(RIGHTS_IN_MONGODB, {"cases": cases})
    assert found == {"reader/customers/find": "AuthenticationFailed", "/customers/find": REFUSED}


def test_mongodbs_root_logs_in_within_its_container_only(project: Project) -> None:
    password = project.compose("exec", "-T", "mongo", "cat", "/run/secrets/guanxi/root_password")
    ask = ("mongosh", "--quiet", "--norc", "-u", "root", "-p", password, "--eval", "db.adminCommand('ping').ok")
    (mongo,) = project.containers("mongo")
    assert project.docker("exec", mongo, *ask).strip() == "1"
    assert project.returned("docker", "exec", mongo, *ask, "--host", "mongo") != 0


def on_kafka(project: Project, *cases: tuple[str, str, str, str]) -> dict[str, str]:
    """What comes of (principal, write or read, topic, group)."""
    passwords = {user: project.secret(user)["GUANXI_KAFKA_PASSWORD"] for user, *_ in cases}
    told = [[user, passwords[user], *rest] for user, *rest in cases]
    found: dict[str, str] = project.python(RIGHTS_ON_KAFKA, {"cases": told})
    return found


def test_an_upstream_writes_the_inbox_and_sees_nothing(project: Project) -> None:
    found = on_kafka(
        project,
        ("erp", "write", "guanxi.inbox", ""),
        ("shop", "write", "guanxi.inbox", ""),
        ("erp", "read", "guanxi.inbox", ""),
        ("erp", "write", "guanxi.log", ""),
        ("erp", "read", "guanxi.log", ""),
        ("erp", "read", "guanxi.tiers", ""),
    )
    assert {name for name, came in found.items() if came == "allowed"} == {
        "erp/write/guanxi.inbox",
        "shop/write/guanxi.inbox",
    }


def test_services_and_downstreams_have_their_topics_and_groups_only(project: Project) -> None:
    found = on_kafka(
        project,
        ("downstream", "read", "guanxi.tiers", "downstream-test"),
        ("downstream", "read", "guanxi.tiers", "guanxi-tiering"),
        ("downstream", "read", "guanxi.log", ""),
        ("downstream", "write", "guanxi.tiers", ""),
        ("tiering", "write", "guanxi.rejected", ""),
        ("tiering", "read", "guanxi.inbox", ""),
        ("engagement", "write", "guanxi.tiers", ""),
        ("ingest", "read", "guanxi.log", ""),
        ("operator", "read", "guanxi.rejected", ""),
    )
    allowed = {name for name, came in found.items() if came == "allowed"}
    assert allowed == {"downstream/read/guanxi.tiers/downstream-test", "operator/read/guanxi.rejected"}, found


def test_kafka_takes_no_wrong_password_and_nobody_without_one(project: Project) -> None:
    cases = [["erp", "wrong", "write", "guanxi.inbox", ""], ["", "", "write", "guanxi.inbox", ""]]
    found = project.python(RIGHTS_ON_KAFKA, {"cases": cases})
    assert "allowed" not in found.values()
