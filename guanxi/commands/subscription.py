"""Subscriptions of webhooks: make, list, pause, resume, retry, replay, rotate, delete them."""

from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import typer

from guanxi.console import fail, say
from guanxi.current import settings_here
from guanxi.running import run
from shared.errors import GuanxiError, Malformed
from shared.keys import EVERYTHING
from shared.mongo import connect
from shared.mongo.subscriptions import Subscriptions, new_id
from shared.sinks import Allowed, Unfit, read_sink
from shared.subscriptions import MANAGER, MAX_PER_KEY, OPERATOR, Filters, ReplayAsked, Subscription, secret, shown

app = typer.Typer(no_args_is_help=True, add_completion=False)
Name = Annotated[str, typer.Argument(help="The subscription's id.", show_default=False)]
Many = list[str] | None
T = TypeVar("T")


@app.command("list")
def list_() -> None:
    """All subscriptions, with their health. Exit code 1 where one is dead in part, or not active."""
    subscriptions = _all()
    found = _do(_listed(subscriptions))
    for one in found:
        health = one["health"]
        say(f"{one['id']}  {one['status']}  {one['sink']}")
        say(f"    {health['behind'] or 0:,} behind, {health['parked']:,} parked, {health['dead']:,} dead {one['why']}")
    if not found:
        say("there are no subscriptions")
    if any(one["status"] not in {"active", "pinging"} or one["health"]["dead"] for one in found):
        raise typer.Exit(1)


@app.command()
def create(
    sink: Annotated[str, typer.Argument(help="The URL that is to receive.", show_default=False)],
    types: Annotated[Many, typer.Option("--type", help="Only changes of this type; may be repeated.")] = None,
    customers: Annotated[Many, typer.Option("--customer", help="Only of this customer; may be repeated.")] = None,
    tiers: Annotated[Many, typer.Option("--tier", help="Only of customers in this tier.")] = None,
    owners: Annotated[Many, typer.Option("--owner", help="Only of customers of this representative.")] = None,
    *,
    backfill: Annotated[bool, typer.Option("--backfill", help="Tell how all customers stand first.")] = False,
) -> None:
    """Make a subscription to all customers' changes from now on; prints its secret, once."""
    settings = settings_here()
    try:
        fit = read_sink(sink, Allowed.read(settings.webhook_allowed))
        filters = Filters.model_validate(
            {"types": types or (), "customers": customers or (), "tiers": tiers or (), "owners": owners or ()}
        )
    except ValueError as error:
        fail(str(error))
    if isinstance(fit, Unfit):
        fail(fit.hint)
    made = Subscription(
        id=new_id(),
        key=OPERATOR,
        scopes=MANAGER,
        rows=EVERYTHING,
        sink=sink,
        filters=filters,
        created_at=datetime.now(UTC),
        backfill={"id": new_id(), "after": ""} if backfill else None,
        notice={"kind": "ping", "id": new_id(), "failed": 0, "next_at": None},
    )
    try:
        said = secret(settings.webhook_key, made.id, 1)
    except Malformed as error:
        fail(str(error))
    if _do(_all().add(made)) is None:
        fail(f"there are as many subscriptions as there may be ({MAX_PER_KEY} of one key); delete one")
    say(f"{made.id} is made, and is pinged now; its secret, which is not shown again:")
    say(said)


@app.command()
def show(name: Name) -> None:
    """One subscription, and the customers that are parked."""
    found, health, parked = _do(_one(_all(), name))
    for field, value in shown(_there(found, name), health).items():
        say(f"{field}: {value}")
    for one in parked:
        say(f"  {one['customer']}: from {one['first_sequence']}, {one['waiting']} wait, {one['why']}")


@app.command()
def pause(name: Name) -> None:
    """Send nothing until it is resumed; changes wait for up to 30 days."""
    _there(_do(_all().pause(name)), name)
    say(f"{name} is paused")


@app.command()
def resume(name: Name) -> None:
    """Go on where it stood; a sink that refused the ping, or said 410, is pinged again first."""
    _there(_do(_all().resume(name)), name)
    say(f"{name} goes on")


@app.command()
def rotate(name: Name) -> None:
    """Make a new secret, and print it; the one before signs as well for a day."""
    settings = settings_here()
    found = _there(_do(_all().rotate(name, datetime.now(UTC))), name)
    try:
        say(secret(settings.webhook_key, name, found.secrets[0]))
    except Malformed as error:
        fail(str(error))


@app.command()
def retry(name: Name) -> None:
    """Try dead customers again, under the same ids."""
    tried = _there(_do(_all().retry(name, datetime.now(UTC))), name)
    say(f"{tried} are tried again")


@app.command()
def replay(
    name: Name,
    since: Annotated[datetime, typer.Option(help="Send again what was appended since (UTC).", show_default=False)],
    customers: Annotated[Many, typer.Option("--customer", help="Only of this customer; may be repeated.")] = None,
    types: Annotated[Many, typer.Option("--type", help="Only changes of this type; may be repeated.")] = None,
) -> None:
    """Send again what was sent since an instant, marked as a replay."""
    try:
        asked = ReplayAsked.model_validate(
            {"since": since.replace(tzinfo=UTC), "customers": customers or (), "types": types or ()}
        )
    except ValueError as error:
        fail(str(error))
    if not _there(_do(_all().replay(name, asked, None, datetime.now(UTC))), name):
        fail("a replay of it runs; wait until it is over")
    say(f"{name} is replayed")


@app.command()
def backfill(name: Name) -> None:
    """Tell how all customers stand now, then go on with the changes."""
    if not _there(_do(_all().backfill(name, datetime.now(UTC))), name):
        fail("a backfill of it runs; wait until it is over")
    say(f"{name} is told how all customers stand")


@app.command()
def delete(name: Name) -> None:
    """End a subscription; what waits is dropped."""
    gone = _do(_all().delete(name))
    _there(gone or None, name)
    say(f"{name} is gone")


def _all() -> Subscriptions:
    return Subscriptions(connect(settings_here()), None)


async def _listed(subscriptions: Subscriptions) -> list[dict[str, Any]]:
    return [shown(one, await subscriptions.health(one.id)) for one in await subscriptions.all()]


async def _one(
    subscriptions: Subscriptions, name: str
) -> tuple[Subscription | None, dict[str, Any], list[dict[str, Any]]]:
    return await subscriptions.get(name), await subscriptions.health(name), await subscriptions.parked(name)


def _there(found: T | None, name: str) -> T:
    if found is None:
        fail(f"there is no subscription {name!r}; see guanxi subscription list")
    return found


def _do(work: Awaitable[T]) -> T:
    async def done() -> T:
        return await work

    try:
        return run(done())
    except GuanxiError as error:
        fail(str(error))
