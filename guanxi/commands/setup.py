"""Make topics, users, rights, collections, indexes and views; adopt the policy. Doing it again changes nothing."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr

from guanxi.console import fail, say
from services.engagement.store import SCHEMA as ENGAGEMENT
from services.engagement.weeks import refresh_weeks
from services.ingest.settings import key_bytes
from services.ingest.store import SCHEMA as INGEST
from services.ingest.store import fix_person_key
from services.tiering.policy_file import read_policy
from services.tiering.store import SCHEMA as TIERING
from shared.errors import GuanxiError, Stop, Transient
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

SCHEMAS = (INGEST, TIERING, ENGAGEMENT)
KAFKA_RIGHTS = "Kafka rights"
WAIT_SECONDS = 60.0
PAUSE_SECONDS = 1.0


class SetupSettings(Settings):
    """What set-up needs beyond what every process does."""

    policy: Path | None = None
    users_dir: Path | None = None
    """A folder for each user of Kafka or MongoDB, with its guanxi_kafka_password and guanxi_mongo_password. Unset,
    users and rights are somebody else's business.
    """
    upstreams: str = "upstream"
    """Users of Kafka that may write the inbox, separated by commas."""
    person_key: SecretStr | None = None
    downstreams: str = "downstream"
    """Users of Kafka that may read guanxi.tiers."""

    def passwords(self, of: str) -> dict[str, str]:
        """The passwords of all users but set-up's own; `of`: kafka or mongo."""
        files = sorted(self.users_dir.glob(f"*/guanxi_{of}_password")) if self.users_dir else []
        return {file.parent.name: file.read_text().strip() for file in files if file.parent.name != SETUP}


async def set_up(settings: SetupSettings) -> list[str]:
    """Make what is missing; gives what was done, in sentences. Raises Stop when what is there contradicts the code,
    Transient when Kafka or MongoDB do not answer.
    """
    done = [f"topic {name} made" for name in await make_topics(settings)]
    database = connect(settings)
    try:
        await begin_generations(database, ("inbox", "log", *(schema.service for schema in SCHEMAS)))
        for schema in SCHEMAS:
            await apply(database, schema, await current_generation(database, schema.service))
        await fix_person_key(database, key_bytes(settings.person_key))
        if settings.users_dir is not None:
            done += await _grant(settings, database)
        done += await _adopt_first(database, settings.policy)
        await refresh_weeks(database, await adopted(database), settings, datetime.now(UTC))
    finally:
        database.client.close()
    return done


async def _grant(settings: SetupSettings, database: Database) -> list[str]:
    """Users and rights, of MongoDB and of Kafka."""
    generations = {schema.service: await current_generation(database, schema.service) for schema in SCHEMAS}
    done = await set_roles(database, wanted_roles(SCHEMAS, generations))
    done += await set_users(settings, database, settings.passwords("mongo"))
    done += await set_passwords(settings, settings.passwords("kafka"))
    wanted = wanted_acls(settings, settings.upstreams.split(","), settings.downstreams.split(","))
    ours = {Acl(*one) for one in await last_applied(database, KAFKA_RIGHTS) or ()}
    done += await set_rights(settings, wanted, ours)
    if wanted != ours:
        await note_applied(database, KAFKA_RIGHTS, sorted(wanted))
    return done


async def _adopt_first(database: Database, file: Path | None) -> list[str]:
    """The first policy decides at once; any other one is announced, which is a command of its own."""
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
        f"this database decides by {known[-1][0].id}; to go over to {new.id} use 'guanxi policy adopt', "
        f"and leave GUANXI_POLICY as it was"
    )


async def _wait_and_set_up(settings: SetupSettings, wait_seconds: float) -> list[str]:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait_seconds
    while True:
        try:
            return await set_up(settings)
        except Transient as error:
            if loop.time() > deadline:
                raise
            say(f"waiting: {error}")
            await asyncio.sleep(PAUSE_SECONDS)


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def setup(
        wait: Annotated[float, typer.Option(help="Seconds to wait for Kafka and MongoDB.")] = WAIT_SECONDS,
    ) -> None:
        """Make topics, users, rights, collections, indexes and views; adopt the policy. Again changes nothing.

        Where Kafka and MongoDB are, and which policy file is adopted first, comes from the environment:
        GUANXI_KAFKA_BOOTSTRAP, GUANXI_MONGO_URI, GUANXI_MONGO_DATABASE, GUANXI_POLICY.
        """
        try:
            done = asyncio.run(_wait_and_set_up(SetupSettings(), wait))
        except GuanxiError as error:
            fail(str(error))
        except OSError as error:
            fail(f"{error.filename}: {error.strerror}")
        for line in done:
            say(line)
        say("set up" if done else "nothing to do, everything is set up")
