"""Wiring of query: two readers of MongoDB, each with its user, and the API on them."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.routing import BaseRoute, Mount

from services.planning.questions import PlanningQuestions
from services.query.api.changes import Following
from services.query.api.cursors import Seals
from services.query.api.jobs import Jobs
from services.query.api.questions import Questions
from services.query.api.rights import Callers
from services.query.api.routes import Api, utc_now
from services.query.api.subscriptions import Hooks
from services.query.api.texts import TextDoor, Views
from services.query.changes_hub import Hub
from services.query.console.app import Console
from services.query.console.frame import ROOT
from services.query.console.oidc_roles import read_mapped
from services.query.console.sending import Door
from services.query.console.sign_in import Keys
from services.query.console.store import SignIns
from services.query.handlers import ChangesTopic
from services.query.limits import POOL_SIZE
from services.query.settings import QuerySettings
from services.query.store import FeedMarks, Look, Owners, Reader
from services.query.waiting import Waiting
from shared.errors import Malformed
from shared.keys import ApiKeys
from shared.mongo import Database, connect
from shared.mongo.confidential import connect_as, connect_confidential
from shared.mongo.jobs import Queue
from shared.mongo.ping import mongo_check
from shared.mongo.trail import Texts, Trail
from shared.mongo.uploads import Uploads
from shared.process import EXIT_MISCONFIGURED, Nothing, Process
from shared.service import Service
from shared.sinks import Allowed
from shared.yaml_lines import read_text

if TYPE_CHECKING:
    from services.query.console.oidc import Provider

log = logging.getLogger(__name__)


def run(service: Service, process: Process, settings: QuerySettings) -> int:
    """Run the service; gives the exit code."""
    del service
    try:
        keys = ApiKeys(settings.api_keys_file)
        text = settings.cursor_keys.get_secret_value() if settings.cursor_keys else None
        seals = Seals.read(text)
        provider = provider_of(settings, seals)
        Allowed.read(settings.webhook_allowed)
    except (Malformed, ValueError) as error:
        log.critical("%s", error)
        return EXIT_MISCONFIGURED
    if text is None:
        log.warning("no GUANXI_CURSOR_KEYS: cursors are good at this process alone, and until it ends")
    database, confidential = connect(settings, pool_size=POOL_SIZE), connect_confidential(settings)
    texts = connect_as(settings, settings.texts_username, settings.texts_password)
    hub = changes_hub(settings, database, process.stopping)

    door = door_of(settings)

    async def prepare(starting: Process) -> Nothing:
        starting.health.checks["mongodb"] = mongo_check(database)
        starting.tasks.append(hub.run)
        starting.closing.append(door.close)
        return Nothing()

    return process.run(prepare, api_routes(settings, keys, seals, database, confidential, hub, door, provider, texts))


def changes_hub(settings: QuerySettings, database: Database, stopping: Callable[[], bool]) -> Hub:
    """What reads the changes for all who follow them, once it runs. Without Kafka everything else goes on."""
    return Hub(ChangesTopic(settings), FeedMarks(database, Look(database)), stopping)


def api_routes(
    settings: QuerySettings,
    keys: ApiKeys,
    seals: Seals,
    database: Database,
    confidential: Database,
    hub: Hub | None = None,
    door: Door | None = None,
    provider: "Provider | None" = None,
    texts: Database | None = None,
) -> list[BaseRoute]:
    """The API, at the root, and the console under its own path; health stands before them. Without a hub that runs,
    changes are not followed.
    """
    reader = Reader(database)
    waiting = Waiting(Look(database).standing)
    hub = hub or changes_hub(settings, database, lambda: False)
    allowed = Allowed.read(settings.webhook_allowed)
    callers = Callers(keys, reader, waiting, utc_now)
    reads = texts if texts is not None else database
    views = Views(Reader(confidential), reader)
    api = Api(
        callers,
        seals,
        Reader(confidential),
        Questions(database, settings.zone, reader),
        PlanningQuestions(confidential),
        Jobs(Queue(database)),
        Following(callers, hub, Owners(reader)),
        Hooks(database, settings.webhook_key, allowed, utc_now),
        TextDoor(views.know, Trail(reads), Texts(reads), settings.zone, utc_now),
        settings.zone,
        settings.query_units_per_second,
    )
    answers = api.app()
    console = Console(
        answers,
        SignIns(database),
        Keys(seals.keys),
        door or door_of(settings),
        waiting,
        settings.zone,
        utc_now,
        (settings.console_url or "").rstrip("/") or None,
        tls=settings.http_cert_file is not None,
        provider=provider,
        allowed=allowed,
        uploads=Uploads(database),
    )
    return [Mount(ROOT, app=console.app()), Mount("/", app=answers)]


def door_of(settings: QuerySettings) -> Door:
    """The way by which the console sends events."""
    secret = settings.console_key.get_secret_value().encode() if settings.console_key else b""
    return Door(settings.door_url or None, secret, utc_now, settings.door_ca_file)


def provider_of(settings: QuerySettings, seals: Seals) -> "Provider | None":
    """The company's own sign-in; None where none is set. Raises Malformed."""
    if settings.oidc_issuer is None:
        return None
    from services.query.console.oidc import Provider  # noqa: PLC0415 - with joserfc and httpx, for who has a provider

    file = settings.oidc_roles_file
    if file is None:
        raise Malformed("GUANXI_OIDC_ISSUER is set, but not GUANXI_OIDC_ROLES_FILE, which says who has which role")
    mapped = read_mapped(read_text(file), file.name)
    secret = settings.oidc_client_secret.get_secret_value() if settings.oidc_client_secret else None
    ca_file = settings.oidc_ca_file
    return Provider(settings.oidc_issuer, settings.oidc_client_id, mapped, seals.keys[0], secret, ca_file)
