"""What was tried is done: a policy is adopted, refused events are corrected and sent again. Both are jobs of the worker
(docs/adr/0044-...), asked for as by anybody; a form sent twice is one job.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from http import HTTPStatus
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from services.query.api.jobs_asked import PATH
from services.query.console.asking import Asked, Json, Trouble, segment
from services.query.console.frame import ROOT, Frame, secured, typed
from services.query.console.roles import ADOPT, FIX
from services.query.console.screen import Screen
from services.query.console.screens import policies, refused
from services.query.console.showing import Showing
from services.query.console.sign_in import Session
from shared.policies.adoption import Adopted, refusal

Values = Mapping[str, str]
_TEXTS = ("field", "source", "path", "old", "new")
_FIELD, _POSITION = "a field such as data.currency", "a position such as 1/3/42"
_OVER = "what was tried is over for more than a day; try it again"


def read_form(values: Values) -> tuple[Json, dict[str, str]]:
    """What a correction is asked for with, and what is wrong with each field. Pure; the API has the last word."""
    given = {name: text for name in _TEXTS if (text := values.get(name, "").strip())}
    positions, change = values.get("position", "").split(), values.get("change", "") or "none"
    reason = values.get("code", "").strip()
    wrong: dict[str, str] = {}
    if not reason and not positions:
        wrong["code"] = "needed"
    if any(not re.fullmatch(r"[0-9]+/[0-9]+/[0-9]+", one) for one in positions):
        wrong["position"] = _POSITION
    needed = {"none": (), "remove": ("path",), "replace": ("path", "old", "new")}.get(change, ("path", "new"))
    wrong |= {name: "needed" for name in needed if name not in given}
    paths = ("path", "new") if change == "rename" else ("path",)
    wrong |= {
        name: _FIELD for name in paths if name in needed and name in given and not re.fullmatch(PATH, given[name])
    }
    body: Json = {"kind": refused.FIX, "change": change, "positions": positions}
    body |= {name: text for name, text in given.items() if name in {"field", "source", *needed}}
    if reason:
        body["reason"] = reason
    if "new" in body and values.get("new_is") == "number" and change != "rename":
        try:
            body["new"] = int(given["new"])
        except ValueError:
            wrong["new"] = "a whole number"
    return body, wrong


@dataclass(frozen=True, slots=True)
class Mending:
    """What is done with policies and refusals."""

    frame: Frame
    showing: Showing

    def routes(self) -> list[BaseRoute]:
        """Its paths."""
        return [
            Route(f"/{policies.SCREEN.path}/adopt", self._adopt, methods=["POST"]),
            Route(f"/{refused.SCREEN.path}", self._fix, methods=["POST"]),
        ]

    async def _adopt(self, request: Request) -> Response:
        """Adopt the policy that was tried, for a day. Whatever is wrong, the day is shown again."""
        values = await typed(request)
        session, said = await self.frame.sender(request, values)
        wrong = {"": said[0]} if said else {}
        if session is not None and not wrong:
            if not session.person.may(ADOPT):
                return self._not_for(request, session, "adopt policies")
            try:
                job, wrong = await self._adopted(self.frame.asked(request, session), values)
            except Trouble as error:
                job, wrong = "", {"on" if error.parameter == "on" else "": error.detail}
            if not wrong:
                return _to(policies.SCREEN, job)
        adopting = {"typed": values, "wrong": wrong}
        empty = {"text": "", "on": "", "wrong": []}
        return await self._again(request, policies.SCREEN, session, {"adopting": adopting}, empty)

    async def _adopted(self, asked: Asked, values: Values) -> tuple[str, dict[str, str]]:
        """The job that adopts, or what is wrong with the fields. Raises Trouble."""
        tried = await _tried(asked, values.get("job", ""), policies.TRIAL)
        try:
            on = date.fromisoformat(values.get("on", "").strip())
        except ValueError:
            return "", {"on": "a day such as 2026-03-01"}
        said = tried["result"]["summary"]
        text = tried["parameters"]["policy"]
        new = Adopted(said["policy"], said["version"], on, text)
        known = [
            Adopted(one["policy"], one["version"], date.fromisoformat(one["effective_on"]), one["text"])
            for one in await asked.get("policies")
        ]
        if new not in known:  # else it is told as what it is: adopted already
            now, zone = self.frame.now(), self.frame.zone
            why = refusal(known, new, now, zone)
            if why is not None:
                of_any_day = refusal(known, replace(new, effective_on=date.max), now, zone)
                return "", {"" if of_any_day else "on": why}
        body = {"kind": policies.ADOPTION, "policy": text, "on": on.isoformat(), "latest": tried["result"]["latest"]}
        return str((await asked.post("jobs", body, f"adopt-{tried['id']}-{on}"))["id"]), {}

    async def _fix(self, request: Request) -> Response:
        """Try a correction, or send what was tried. Whatever is wrong, what was typed is shown again."""
        values = await typed(request)
        session, said = await self.frame.sender(request, values)
        body, wrong = ({}, {}) if values.get("verb") == "send" else read_form(values)
        if said:
            wrong = {"": said[0]}
        if session is not None and not wrong:
            if not session.person.may(FIX):
                return self._not_for(request, session, "send events of others again")
            asked = self.frame.asked(request, session)
            try:
                job = await (_send(asked, values.get("job", "")) if not body else asked.begin(body))
                return _to(refused.SCREEN, job, "#tile-fix")
            except Trouble as error:
                at = {"reason": "code", "positions": "position"}.get(error.parameter, error.parameter)
                wrong = {at if at in {*_TEXTS, "code", "position"} else "": error.detail}
        return await self._again(
            request, refused.SCREEN, session, {"values": values, "wrong": wrong}, refused.form_head()
        )

    def _not_for(self, request: Request, session: Session, what: str) -> Response:
        said = f"the role {session.person.role} does not {what}"
        return self.frame.problem(request, Trouble(HTTPStatus.FORBIDDEN, "role", said), session)

    async def _again(
        self, request: Request, screen: Screen, session: Session | None, said: Json, empty: Json
    ) -> Response:
        """The page that a form was sent from; without its tiles for who is signed out."""
        if session is not None:
            return await self.showing.screen(request, screen, session, said, HTTPStatus.UNPROCESSABLE_ENTITY)
        bare = {**empty, "query": {}, "ids": {}, "tiles": dict.fromkeys((tile.name for tile in screen.tiles), "")}
        return self.frame.page(request, f"{screen.name}.html", {**bare, **said}, HTTPStatus.UNAUTHORIZED)


async def _send(asked: Asked, job: str) -> str:
    """Send what a correction makes that was tried. Raises Trouble."""
    tried = await _tried(asked, job, refused.FIX)
    if not refused.passes(tried):
        raise Trouble(HTTPStatus.UNPROCESSABLE_ENTITY, "not_tried", "none of it passes; nothing was sent")
    return str((await asked.post("jobs", {**tried["parameters"], "send": True}, f"fix-{tried['id']}"))["id"])


async def _tried(asked: Asked, job: str, kind: str) -> Json:
    """The job that tried it, which is done. Raises Trouble."""
    try:
        found: Json = await asked.get(f"jobs/{segment(job)}") if job else {}
    except Trouble as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        found = {}
    if found.get("kind") != kind or found["status"] != "done":
        raise Trouble(HTTPStatus.UNPROCESSABLE_ENTITY, "not_found", _OVER)
    return found


def _to(screen: Screen, job: str, part: str = "") -> Response:
    return secured(RedirectResponse(f"{ROOT}/{screen.path}?{urlencode({'job': job})}{part}", HTTPStatus.SEE_OTHER))
