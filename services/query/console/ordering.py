"""Long jobs asked for from a page: a policy is tried, a customer is proved; and the results of jobs, passed on.

A job is asked for as by anybody (api/jobs.py); the page that it was asked from names it in its address and shows it.
"""

from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from services.query.api.jobs_asked import CHECKS, MAX_BODY_BYTES, MAX_POLICY_CHARS
from services.query.console.asking import Asked, Json, Trouble, inner, segment
from services.query.console.frame import ROOT, Frame, secured, typed
from services.query.console.live import Inner
from services.query.console.screens import policies, why
from services.query.console.showing import Showing
from services.query.console.sign_in import Session
from services.tiering.questions import what_is_wrong

PROVED_BY = [name for name in CHECKS if name != "log"]
"""Of one customer: its decisions made again and its rows folded again. The log as a whole is `guanxi verify`'s."""


@dataclass(frozen=True, slots=True)
class Ordering:
    """What is asked for and takes long."""

    frame: Frame
    showing: Showing

    def routes(self) -> list[BaseRoute]:
        """Its paths."""
        return [
            Route(f"/{policies.SCREEN.path}", self._try, methods=["POST"]),
            Route(f"/{why.SCREEN.path}", self._prove, methods=["POST"]),
            Route("/jobs/{id}/result", self._result, methods=["GET"]),
        ]

    async def _try(self, request: Request) -> Response:
        """Try a policy over the log. Whatever is wrong, the text is shown again."""
        values = await typed(request, MAX_BODY_BYTES)
        session, wrong = await self.frame.sender(request, values)
        text, on = values.get("policy", ""), values.get("on", "").strip()
        if session is not None and not wrong:
            wrong = ["needed"] if not text.strip() else what_is_wrong(text[: MAX_POLICY_CHARS + 1])
        if len(text) > MAX_POLICY_CHARS:
            wrong = [f"a policy has at most {MAX_POLICY_CHARS // 1024} KB"]
        if session is not None and not wrong:
            job: Json = {"kind": "simulate", "policy": text, **({"on": on} if on else {})}
            try:
                name = await self._asked(request, session).begin(job)
                return self._to(f"/{policies.SCREEN.path}", name)
            except Trouble as error:
                wrong = [error.detail]
        said = {"text": text, "on": on, "wrong": wrong}
        if session is None:
            signed_out = {"tiles": dict.fromkeys(("force", "trial"), ""), "query": {}, "ids": {}, **said}
            return self.frame.page(request, "policy.html", signed_out, HTTPStatus.UNAUTHORIZED)
        return await self.showing.screen(request, policies.SCREEN, session, said, HTTPStatus.UNPROCESSABLE_ENTITY)

    async def _prove(self, request: Request) -> Response:
        """Fold one customer again, and compare."""
        session, wrong = await self.frame.sender(request, await typed(request))
        if session is None or wrong:
            return self.frame.problem(request, Trouble(HTTPStatus.FORBIDDEN, "origin", wrong[0]), session)
        asked = self._asked(request, session)
        customer = asked.ids["id"]
        try:
            await asked.get(f"customers/{segment(customer)}", fields="customer")
            name = await asked.begin({"kind": "verify", "checks": PROVED_BY, "customer": customer})
        except Trouble as error:
            return self.frame.problem(request, error, session)
        return self._to(f"/customers/{segment(customer)}/why/{segment(asked.ids['what'])}", name, "#tile-proof")

    async def _result(self, request: Request) -> Response:
        session = await self.frame.session_or_none(request)
        if isinstance(session, Response):
            return session
        asked = self._asked(request, session)
        path = f"/v1/jobs/{segment(asked.ids['id'])}/result"
        return Inner(self.frame.api, inner(path, {}, asked.caller, {}))

    def _asked(self, request: Request, session: Session) -> Asked:
        return self.frame.asked(request, session)

    @staticmethod
    def _to(path: str, job: str, part: str = "") -> Response:
        return secured(RedirectResponse(f"{ROOT}{path}?{urlencode({'job': job})}{part}", HTTPStatus.SEE_OTHER))
