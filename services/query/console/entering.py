"""Forms: opened, sent to the door, waited for."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from services.query.console.asking import WAIT_SECONDS, Asked, Trouble, ask, segment
from services.query.console.forms import (
    FORMS,
    MOST_TYPED,
    ONCE,
    Context,
    Form,
    Wrong,
    filled,
    new_once,
    of_door,
)
from services.query.console.frame import ROOT, Frame, secured, typed, within
from services.query.console.roles import APPROVE, DECLINE
from services.query.console.sending import Sent
from services.query.console.sign_in import Session, is_own
from shared.console import SOURCE
from shared.errors import Transient

Json = dict[str, Any]
DECIDED = "this proposal is not open any more: somebody has decided on it, or the figures have changed since"


@dataclass(frozen=True, slots=True)
class Entering:
    """What people enter."""

    frame: Frame

    def routes(self) -> list[BaseRoute]:
        """Its paths."""
        return [
            *(self._form_route(form) for form in FORMS.values()),
        ]

    def _form_route(self, form: Form) -> Route:
        async def answered(request: Request) -> Response:
            if request.method == "GET":
                session = await self.frame.session_or_none(request)
                if isinstance(session, Response):
                    return session
                return await self._open(request, form, session)
            return await self._sent(request, form)

        answered.__name__ = f"console_form_{form.name}"
        return Route(f"/customers/{{id}}/{form.name}", answered, methods=["GET", "POST"])

    async def _open(self, request: Request, form: Form, session: Session) -> Response:
        """An empty form, filled in with what is known."""
        if not session.person.may(form.act):
            return self.frame.problem(
                request, Trouble(403, "role", f"the role {session.person.role} does not send this"), session
            )
        asked = self.frame.asked(request, session)
        context = self._context(asked)
        names = {one.name for one in form.fields}
        given = {name: value for name, value in asked.query.items() if name in names}
        values = {**form.defaults(context), **given, ONCE: self._once()}
        return await self._form(request, form, session, values, {})

    async def _sent(self, request: Request, form: Form) -> Response:
        """A form that was sent: whatever is wrong, what was typed is shown again."""
        values = await typed(request)
        if not is_own(request.headers.get("origin"), self.frame.own(request)):
            return self.frame.problem(request, Trouble(403, "origin", "this form was not sent from the console"), None)
        try:
            session = await self.frame.session(request)
        except Transient:
            said = "the console can't look up who you are now; nothing is lost, send it again"
            return await self._form(request, form, None, values, {"": said}, 503)
        if session is None:
            return await self._form(request, form, None, values, {"": "signed_out"}, 401)
        if not self.frame.keys.is_token(values.get("token", ""), session):
            said = "you have signed in again since this form was opened; please send it again"
            return await self._form(request, form, session, values, {"": said}, 403)
        return await self._judged(request, form, session, values)

    async def _judged(self, request: Request, form: Form, session: Session, values: Mapping[str, str]) -> Response:
        """What somebody who is signed in sent from our pages."""
        if not session.person.may(form.act):
            return self.frame.problem(
                request, Trouble(403, "role", f"the role {session.person.role} does not send this"), session
            )
        asked = self.frame.asked(request, session)
        try:
            # As for a customer that does not exist, where it is another's.
            await asked.get(f"customers/{segment(asked.ids['id'])}", fields="customer")
            event = filled(form, values, self._context(asked))
            if isinstance(event, Wrong):
                return await self._form(request, form, session, values, event.fields, 422)
            if form.act in {APPROVE, DECLINE} and await self._decided(asked, event):
                return await self._form(request, form, session, values, {"": DECIDED}, 422)
            sent = await self.frame.door.send(event)
            wrong = of_door(form, sent.answers)
            if wrong is None:
                wrong = await self.admitted(form, event, sent, asked)
        except Trouble as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return self.frame.problem(request, error, session)
            said = f"{error.detail}; nothing is lost, send it again: it counts once"
            return await self._form(request, form, session, values, {"": said}, 503)
        if wrong is not None:
            return await self._form(request, form, session, values, wrong.fields, 422)
        after = {"after": sent.position} if sent.position else {}
        where = within(values.get("next", "") or f"{ROOT}/customers/{segment(asked.ids['id'])}")
        where += ("&" if "?" in where else "?") + urlencode({"said": form.name, **after})
        return secured(RedirectResponse(where, HTTPStatus.SEE_OTHER))

    async def _decided(self, asked: Asked, event: Json) -> bool:
        """Whether somebody else has decided on the proposal since. Raises Trouble."""
        row = await asked.get(f"customers/{segment(asked.ids['id'])}", fields="customer,proposed_tier")
        if row["proposed_tier"] is not None:
            return False
        try:  # sent twice it counts once, and is done
            fate = await asked.get(f"events/{segment(SOURCE)}/{segment(event['id'])}")
        except Trouble as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            return True
        return bool(fate["status"] != "accepted")

    async def admitted(self, form: Form, event: Json, sent: Sent, asked: Asked, *well: str) -> Wrong | None:
        """What admission refused of what the door took, where it says so soon. well: codes that are no trouble."""
        if sent.position is None:
            return None
        try:
            path = f"customers/{segment(asked.ids['id'])}"
            answer = await ask(
                self.frame.api, path, {"fields": "customer", "after": sent.position}, asked.caller, wait=WAIT_SECONDS
            )
            if answer.headers.get("guanxi-waited-for") != "refused":
                return None
            fate = await asked.get(f"events/{segment(SOURCE)}/{segment(event['id'])}")
        except Trouble:
            return None  # it shows later, and what waits for it says so
        return None if fate.get("code") in well else of_door(form, [fate])

    async def _form(
        self,
        request: Request,
        form: Form,
        session: Session | None,
        values: Mapping[str, str],
        wrong: Mapping[str, str],
        status: int = 200,
    ) -> Response:
        row: Json | None = None
        asked = None if session is None else self.frame.asked(request, session)
        if asked is not None:
            try:
                row = await asked.get(
                    f"customers/{segment(asked.ids['id'])}", fields="customer,name,tier", include="plan"
                )
            except Trouble as error:
                if error.status == HTTPStatus.NOT_FOUND:
                    return self.frame.problem(request, error, session)
        kept = {name: value[:MOST_TYPED] for name, value in values.items()}
        said = {
            "form": form,
            "values": {ONCE: self._once(), **kept},
            "wrong": wrong,
            "row": row,
            "closed": session is not None and not self.frame.door.open,
            "next": within(kept.get("next") or request.query_params.get("next", ""), ""),
            "action": request.url.path,
            "more": any(one.more and one.name in wrong for one in form.fields),
        }
        return self.frame.page(request, "form.html", said, status, session)

    def _once(self) -> str:
        return new_once(self.frame.now(), secrets.token_hex(8))

    def _context(self, asked: Asked) -> Context:
        return Context(asked.ids["id"], asked.person, self.frame.now(), self.frame.zone)
