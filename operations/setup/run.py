"""The steps of set-up, over all services. Doing it again changes nothing."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from services import SERVICES
from services.tiering.policy_file import read_policy
from shared.errors import Stop
from shared.kafka.access import set_passwords, set_rights, wanted_acls
from shared.kafka.admin import make_topics
from shared.kafka.requests import Acl
from shared.mongo import Database, connect
from shared.mongo.access import SETUP, set_roles, set_users, wanted_roles
from shared.mongo.applied import last_applied, note_applied
from shared.mongo.generations import begin_generations, current_generation
from shared.mongo.policies import adopt, adopted, all_adopted
from shared.mongo.schema import apply
from shared.policies.adoption import Adopted
from shared.settings import Settings

KAFKA_RIGHTS = "Kafka rights"


class SetupSettings(Settings):
    """The settings of set-up, beyond those of every process."""

    policy: Path | None = None
    users_dir: Path | None = None
    """Folder with one folder per user of Kafka or MongoDB, each with guanxi_kafka_password and guanxi_mongo_password.
    If unset, set-up does not manage users and rights.
    """
    upstreams: str = "upstream"
    """Kafka users that may write the inbox, separated by commas."""
    downstreams: str = "downstream"
    """Kafka users that may read guanxi.tiers, separated by commas."""

    def passwords(self, of: str) -> dict[str, str]:
        """The passwords of all users except set-up's own; `of`: kafka or mongo."""
        files = sorted(self.users_dir.glob(f"*/guanxi_{of}_password")) if self.users_dir else []
        return {file.parent.name: file.read_text().strip() for file in files if file.parent.name != SETUP}


async def set_up(settings: SetupSettings) -> list[str]:
    """Create what is missing; return what was done, in sentences. Raises Stop if what exists contradicts the code,
    Transient if Kafka or MongoDB do not answer.
    """
    done = await make_topics(settings)
    database = connect(settings)
    try:
        await begin_generations(database, ("inbox", "log", *SERVICES))
        for service in SERVICES.values():
            await apply(database, service.schema, await current_generation(database, service.name))
        done += await adopt_first(database, settings.policy)
        for service in SERVICES.values():
            if service.set_up is not None:
                await service.set_up(database, settings, await adopted(database), datetime.now(UTC))
        if settings.users_dir is not None:
            done += await _grant(settings, database)
    finally:
        database.client.close()
    return done


async def _grant(settings: SetupSettings, database: Database) -> list[str]:
    """Users and rights, of MongoDB and of Kafka."""
    services = list(SERVICES.values())
    generations = {service.name: await current_generation(database, service.name) for service in services}
    done = await set_roles(database, wanted_roles(services, generations))
    done += await set_users(settings, database, settings.passwords("mongo"))
    upstreams, downstreams = settings.upstreams.split(","), settings.downstreams.split(",")
    done += await set_passwords(settings, settings.passwords("kafka"), (*upstreams, *downstreams))
    wanted = wanted_acls(settings, services, upstreams, downstreams)
    ours = {Acl(*one) for one in await last_applied(database, KAFKA_RIGHTS) or ()}
    done += await set_rights(settings, wanted, ours)
    if wanted != ours:
        await note_applied(database, KAFKA_RIGHTS, sorted(wanted))
    return done


async def adopt_first(database: Database, file: Path | None) -> list[str]:
    """The first policy applies at once; later ones are adopted with 'guanxi policy adopt'."""
    known = await all_adopted(database)
    if file is None:
        if not known:
            raise Stop("no policy is adopted yet: set GUANXI_POLICY to a file such as deploy/policies/default-cny.yaml")
        return []
    text = file.read_text(encoding="utf-8")
    policy = read_policy(text, file.name)
    new = Adopted(policy.name, policy.version, policy.effective_on, text)
    if not known:
        await adopt(database, new, datetime.now(UTC))
        return [f"policy {new.name} version {new.version} adopted"]
    for one, _ in known:
        if one.id == new.id:
            await adopt(database, replace(new, effective_on=one.effective_on), datetime.now(UTC))
            return []
    raise Stop(
        f"this database uses the policy {known[-1][0].id}; to switch to {new.id}, use 'guanxi policy adopt' and leave "
        "GUANXI_POLICY as it was"
    )
