"""Who may do what on Kafka: declared once, by topics and services, and brought about by set-up.

A principal for each service, which reads and writes its topics and its group; `operator` for the command line; upstream
principals, which write the inbox and see nothing; downstream ones, which read the public tiers.
"""

from collections.abc import Collection, Iterable, Mapping

from aiokafka import AIOKafkaClient
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from pydantic import SecretStr

from shared.errors import Stop, Transient
from shared.kafka.connection import client_options
from shared.kafka.requests import (
    SCRAM_SHA_256,
    SCRAM_SHA_512,
    Acl,
    Operation,
    Pattern,
    Resource,
    create_acls,
    delete_acls,
    find_acls,
    set_scram_password,
)
from shared.service import Service, readers, writers
from shared.settings import Settings
from shared.topics import TOPICS

OPERATOR, UPSTREAM, DOWNSTREAM = "operator", "upstream", "downstream"
"""As topics.py names those who are no services of ours."""
CLUSTER = "kafka-cluster"


def wanted_acls(
    settings: Settings, services: Collection[Service], upstreams: Iterable[str], downstreams: Collection[str]
) -> set[Acl]:
    """All rights that there should be."""
    prefix = settings.topic_prefix
    wanted = {
        Acl(OPERATOR, Resource.TOPIC, f"{prefix}guanxi.", Pattern.PREFIXED, Operation.ALL),
        Acl(OPERATOR, Resource.GROUP, f"{prefix}guanxi-", Pattern.PREFIXED, Operation.ALL),
        Acl(OPERATOR, Resource.CLUSTER, CLUSTER, Pattern.LITERAL, Operation.DESCRIBE),
    }
    who = {UPSTREAM: tuple(upstreams), DOWNSTREAM: tuple(downstreams), **{one.name: (one.name,) for one in services}}
    for topic in TOPICS:
        for operation, may in ((Operation.WRITE, writers), (Operation.READ, readers)):
            wanted |= {
                Acl(name, Resource.TOPIC, topic.full_name(settings), Pattern.LITERAL, operation)
                for role in may(topic, services)
                if role != OPERATOR
                for name in who[role]
            }
    for one in services:
        if one.reads:
            wanted.add(Acl(one.name, Resource.GROUP, one.group(settings), Pattern.LITERAL, Operation.READ))
    for name in downstreams:
        wanted.add(Acl(name, Resource.GROUP, f"{name}-", Pattern.PREFIXED, Operation.READ))
    return wanted


async def set_passwords(settings: Settings, passwords: Mapping[str, str], outside: Iterable[str] = ()) -> list[str]:
    """Make the users that cannot log in with these passwords, or give them these; says what was done.

    outside: those who may come from other machines. A listener for them takes SCRAM-SHA-256 only, for which nobody
    else, set-up as the superuser above all, has a password (docker-compose.outside.yml).

    Raises Transient when Kafka does not answer, Stop when it refuses.
    """
    done: list[str] = []
    admin = AIOKafkaAdminClient(**client_options(settings))
    try:
        await admin.start()
        further = {*outside}
        for user, password in passwords.items():
            for mechanism in (SCRAM_SHA_512, SCRAM_SHA_256) if user in further else (SCRAM_SHA_512,):
                if not await _can_log_in(settings, user, password, mechanism):
                    await set_scram_password(admin, user, password, mechanism)
                    done.append(f"Kafka user {user} created, or its password changed ({mechanism})")
    except (KafkaError, OSError) as error:
        raise Transient(f"Kafka at {settings.kafka_bootstrap}: {error or type(error).__name__}") from error
    finally:
        await admin.close()
    return done


async def _can_log_in(settings: Settings, user: str, password: str, mechanism: str) -> bool:
    """Whether Kafka takes this password; the question that matters, and one that changes nothing."""
    theirs = settings.model_copy(update={"kafka_username": user, "kafka_password": SecretStr(password)})
    client = AIOKafkaClient(**(client_options(theirs) | {"sasl_mechanism": mechanism}))
    try:
        await client.bootstrap()
    except KafkaError:
        return False
    else:
        return True
    finally:
        await client.close()


async def set_rights(settings: Settings, wanted: set[Acl], ours: set[Acl]) -> list[str]:
    """Grant the rights that are missing, take away those that an earlier set-up (`ours`) granted and that are wanted no
    more; says what was done. Raises Stop, before it changes anything, when somebody else granted others.
    """
    admin = AIOKafkaAdminClient(**client_options(settings))
    try:
        await admin.start()
        found = await find_acls(admin)
        strange = found - wanted - ours
        if strange:
            raise Stop(
                "Kafka grants rights unknown to guanxi: "
                f"{'; '.join(sorted(map(str, strange)))}. Remove them with kafka-acls.sh, or declare them "
                "(GUANXI_UPSTREAMS, GUANXI_DOWNSTREAMS)"
            )
        await create_acls(admin, sorted(wanted - found))
        await delete_acls(admin, sorted(found - wanted))
    except (KafkaError, OSError) as error:
        raise Transient(f"Kafka at {settings.kafka_bootstrap}: {error or type(error).__name__}") from error
    finally:
        await admin.close()
    granted, taken = sorted(wanted - found), sorted(found - wanted)
    return [f"Kafka right granted: {acl}" for acl in granted] + [f"Kafka right revoked: {acl}" for acl in taken]


async def find_rights(settings: Settings) -> set[Acl]:
    """All rights of the cluster. Raises Transient when Kafka does not answer, Stop when it does not tell us."""
    admin = AIOKafkaAdminClient(**client_options(settings))
    try:
        await admin.start()
        return await find_acls(admin)
    except (KafkaError, OSError) as error:
        raise Transient(f"Kafka at {settings.kafka_bootstrap}: {error or type(error).__name__}") from error
    finally:
        await admin.close()
