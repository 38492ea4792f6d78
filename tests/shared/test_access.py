"""Rights as they are declared: each principal has what its work needs, and no more."""

import contextlib
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pydantic import SecretStr, ValidationError

from operations.setup.run import SetupSettings
from services import SERVICES
from services.engagement.service import SERVICE as ENGAGEMENT
from services.ingest.settings import IngestSettings
from shared.errors import Stop
from shared.kafka.access import wanted_acls
from shared.kafka.connection import client_options
from shared.kafka.requests import Acl
from shared.mongo.access import GENERATIONS_AHEAD, Role, _refuse_strangers, is_between, role_of, wanted_roles
from shared.mongo.applied import canonical
from shared.mongo.schema import Schema
from shared.service import Service
from shared.settings import Settings
from shared.topics import INBOX, TIERS, TOPICS

UPSTREAMS, DOWNSTREAMS = ("erp", "shop"), ("bi",)


def rights(settings: Settings | None = None) -> set[Acl]:
    return wanted_acls(settings or Settings(), SERVICES.values(), UPSTREAMS, DOWNSTREAMS)


def roles(generation: int = 1) -> dict[str, Role]:
    return {role.name: role for role in wanted_roles([*SERVICES.values()], dict.fromkeys(SERVICES, generation))}


@pytest.mark.parametrize("upstream", UPSTREAMS)
def test_an_upstream_has_one_right(upstream: str) -> None:
    assert [str(acl) for acl in rights() if acl.principal == upstream] == [f"{upstream}: WRITE topic guanxi.inbox"]


def test_a_downstream_reads_the_public_topics_with_groups_of_its_own() -> None:
    own = {str(acl) for acl in rights() if acl.principal == "bi"}
    assert own == {"bi: READ topic guanxi.tiers", "bi: READ topic guanxi.changes", "bi: READ group bi-*"}


def test_only_the_operator_has_all_rights_and_only_on_what_is_guanxis() -> None:
    everything = {acl for acl in rights() if "ALL" in str(acl)}
    assert {str(acl) for acl in everything} == {"operator: ALL topic guanxi.*", "operator: ALL group guanxi-*"}


def test_rights_follow_the_prefix_of_the_topics() -> None:
    settings = Settings(topic_prefix="test.")
    named = {acl.name for acl in rights(settings)} - {"kafka-cluster", "bi-"}
    assert all(name.startswith("test.guanxi") for name in named)


def test_every_reader_and_writer_of_a_topic_is_a_known_principal() -> None:
    known = {*SERVICES, "operator", "upstream", "downstream"}
    assert {who for topic in TOPICS for who in (*topic.outside_readers, *topic.outside_writers)} <= known
    assert {topic for one in SERVICES.values() for topic in (*one.reads, *one.writes)} == {*TOPICS}


def test_a_service_writes_its_own_collections_and_reads_no_other_services_states() -> None:
    all_roles = roles()
    for service in SERVICES.values():
        schema = service.schema
        mine = all_roles[role_of(schema.service)].privileges
        written = {name for name, actions in mine.items() if "insert" in actions}
        own = {f"{name}_g{number}" for name in schema.collections for number in range(1, 2 + GENERATIONS_AHEAD)}
        handed = {name for name, actions in service.rights.items() if "insert" in actions}
        assert written == (own | {*schema.plain_collections} | handed) - ({"policies", "templates", "trail"} - handed)
        read = {re.sub(r"(\.g|_g)\d+$", "", name) for name in mine if name not in written}
        assert read <= {
            "policies",
            "backfills",
            "generations",
            "setup",
            *(name.removesuffix("_g*") for name in service.rights),
        }
        states = [one.customers for one in SERVICES.folding.values() if one is not service]
        reads = {name for name in states if f"{name}_g1" in mine}
        assert reads == (set() if service.name != "worker" else {*states}), "it verifies them"


def test_the_worker_adds_policies_and_entries_of_the_audit_log_and_nobody_but_the_operator_changes_any() -> None:
    having = {
        (role.name, collection): actions
        for role in roles().values()
        for collection, actions in role.privileges.items()
        if collection in {"policies", "audit"} and actions != ("find",)
    }
    assert having == dict.fromkeys((("guanxi_worker", "policies"), ("guanxi_worker", "audit")), ("find", "insert"))


def test_one_user_reads_texts_and_adds_to_the_trail_which_nobody_but_the_operator_changes() -> None:
    all_roles = roles()
    assert all_roles[role_of("texts")] == Role(
        "guanxi_texts", {"texts": ("find",), "trail": ("find", "insert")}, inherits=()
    )
    for role in all_roles.values():
        if role.name != "guanxi_texts":
            may = ("find",) if role.name == "guanxi_ingest" else ()  # it seals the trail
            assert role.privileges.get("trail", ()) == may, role.name
            assert "texts" not in role.privileges or role.name == "guanxi_ingest", role.name


def test_readers_have_views_only_and_confidential_ones_by_their_own_role() -> None:
    views = {view.name for service in SERVICES.values() for view in service.schema.views}
    reader, confidential = (roles()[role_of(name)] for name in ("reader", "confidential"))
    for role in (reader, confidential):
        assert {name.partition(".")[0] for name in role.privileges} <= views
        assert set(role.privileges.values()) == {("find",)}
        assert not role.inherits
    secret = {view.name for view in ENGAGEMENT.schema.views if view.confidential}
    assert secret == {"key_persons", "relationship_assessments", "key_person_keys", "assessment_keys"}
    assert confidential.privileges.keys() - reader.privileges.keys() >= secret
    assert not {name for name in reader.privileges if name.partition(".")[0] in secret}


def test_a_process_that_folds_nothing_has_the_topics_and_the_rights_that_it_names() -> None:
    """Such as one that answers questions: it reads views of others, in every generation, and no state."""
    asks = Service(
        name="asks",
        schema=Schema("asks", plain_collections=("jobs",)),
        entry="asks.app:run",
        reads=(TIERS,),
        writes=(INBOX,),
        rights={"engagement": ("find",), "key_persons": ("find",), "sessions": ("find", "insert")},
    )
    services = [*SERVICES.values(), asks]
    (role,) = [
        one for one in wanted_roles(services, dict.fromkeys((*SERVICES, "asks"), 1)) if one.name == "guanxi_asks"
    ]
    views = {f"{view}{number}" for view in ("engagement", "key_persons") for number in ("", ".g1", ".g2")}
    assert views <= {name for name, actions in role.privileges.items() if actions == ("find",)}
    assert {name for name, actions in role.privileges.items() if "insert" in actions} == {"jobs", "sessions"}
    assert not {name for name in role.privileges if name.startswith("engagement_g")}
    acls = {str(one) for one in wanted_acls(Settings(), services, (), ()) if one.principal == "asks"}
    assert acls == {
        "asks: READ topic guanxi.tiers",
        "asks: WRITE topic guanxi.inbox",
        "asks: READ group guanxi-asks",
    }


def test_rights_reach_the_generations_to_come() -> None:
    later = roles(generation=5)[role_of("tiering")].privileges
    assert {f"tiering_g{number}" for number in range(4, 6 + GENERATIONS_AHEAD)} <= later.keys()
    assert "tiering_g3" not in later


def test_secrets_come_from_files_and_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "guanxi_kafka_password").write_text("from a file\n")
    (tmp_path / "guanxi_mongo_password").write_text("from a file\n")
    monkeypatch.setenv("GUANXI_SECRETS_DIR", str(tmp_path))
    monkeypatch.setenv("GUANXI_MONGO_PASSWORD", "from the environment")
    settings = Settings(kafka_username="tiering")
    assert client_options(settings)["sasl_plain_password"] == "from a file"
    assert settings.mongo_password is not None
    assert settings.mongo_password.get_secret_value() == "from the environment"
    assert "from" not in repr(settings)


def test_without_a_user_nothing_asks_for_a_password() -> None:
    assert "sasl_mechanism" not in client_options(Settings())


def test_a_short_key_for_persons_is_refused() -> None:
    with pytest.raises(ValidationError):
        IngestSettings(person_key=SecretStr("short"))


def test_passwords_of_set_up_itself_are_none_of_its_business(tmp_path: Path) -> None:
    for user in ("setup", "tiering"):
        (tmp_path / user).mkdir()
        (tmp_path / user / "guanxi_kafka_password").write_text(f"{user}'s\n")
    settings = SetupSettings(users_dir=tmp_path)
    assert settings.passwords("kafka") == {"tiering": "tiering's"}
    assert SetupSettings().passwords("mongo") == {}


def test_the_order_of_keys_makes_no_difference_to_what_was_applied() -> None:
    assert canonical({"b": 1, "a": [2, {"d": 3, "c": (4,)}]}) == canonical({"a": [2, {"c": [4], "d": 3}], "b": 1})


def rights_of(**privileges: str) -> dict[str, dict[str, list[str]]]:
    """Letters are actions."""
    return {"privileges": {name: list(actions) for name, actions in privileges.items()}, "roles": {}}


@pytest.mark.parametrize(
    ("found", "under_way"),
    [
        (rights_of(both="f", old="f", new="f"), True),
        (rights_of(both="f", old="f"), True),
        (rights_of(both="f"), True),
        (rights_of(both="f", new="f", strange="f"), False),
        (rights_of(both="fi", new="f"), False),
        (rights_of(old="f", new="f"), False),
    ],
    ids=[
        "given, not yet taken",
        "as it was",
        "all taken, nothing given",
        "strange",
        "more actions",
        "what stays is gone",
    ],
)
def test_a_role_half_brought_up_to_date_is_nobodys_change(found: dict[str, Any], *, under_way: bool) -> None:
    assert is_between(found, rights_of(both="f", new="f"), rights_of(both="f", old="f")) is under_way


@pytest.mark.parametrize(
    ("user", "may"),
    [("operator", True), ("tiering", False), ("mallory", False)],
    ids=["the operator", "a service", "others"],
)
def test_only_who_sets_up_or_operates_may_shard(user: str, *, may: bool) -> None:
    database = cast("Any", SimpleNamespace(name="guanxi"))
    roles = [("guanxi_shards", "admin"), *([(role_of(user), "guanxi")] if user != "mallory" else [])]
    found = {user: {"roles": [{"role": role, "db": where} for role, where in roles]}}
    with contextlib.nullcontext() if may else pytest.raises(Stop, match=f"{user} has the roles"):
        _refuse_strangers(database, found, {"operator": "", "tiering": ""})
