"""Sign-in by a company's provider: a real one, as a process; and one that lies, in memory."""

import hmac
import json
import socket
import subprocess
import sys
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from services.query.api.cursors import Seals
from services.query.app import provider_of
from services.query.console.frame import ROOT
from services.query.console.oidc import MAX_ANSWER_BYTES, Provider
from services.query.console.oidc_roles import read_mapped
from services.query.console.roles import Person
from services.query.console.sign_in import NotSignedInError
from services.query.settings import QuerySettings
from shared.errors import Malformed
from tests.services.query.console.world import HOST, World

RULES = """
person: email
representative: employee
team: department
roles:
  - {role: head_of_sales, claim: groups, has: crm-heads}
  - {role: team_lead, claim: title, has: lead}
  - {role: account_manager, claim: groups, has: crm-sales}
"""
MAPPED = read_mapped(RULES, "roles.yaml")
WEI: dict[str, Any] = {"sub": "u-1", "email": "wei@example.com", "groups": ["all", "crm-sales"], "employee": "R-1"}
NOBODY = {"sub": "u-2", "email": "guest@example.com", "groups": ["all"]}
BACK = f"{HOST}{ROOT}/sign-in/oidc/back"
KEY = b"k" * 32


# Rules


def test_the_first_rule_that_fits_gives_the_role() -> None:
    assert MAPPED.of(WEI) == Person("wei@example.com", "account_manager", "R-1", "R-1")
    assert MAPPED.of(WEI | {"groups": ["crm-sales", "crm-heads"]}) == Person(
        "wei@example.com", "head_of_sales", None, "R-1"
    )
    lead = WEI | {"title": "lead", "department": "north"}
    assert MAPPED.of(lead) == Person("wei@example.com", "team_lead", "north", "R-1")


@pytest.mark.parametrize(
    "claims",
    [
        NOBODY,
        {**WEI, "employee": None},  # whose rows?
        {**WEI, "employee": ["R-1", "R-2"]},
        {**WEI, "email": ""},
        {**WEI, "email": "wei\n@example.com"},
        {**WEI, "email": "x" * 201},
        {**WEI, "email_verified": False},
        {**WEI, "groups": "crm-sales-apprentices"},
        {**WEI, "groups": None},
        {**WEI, "title": "lead"},  # of which team?
    ],
)
def test_who_fits_no_rule_or_is_not_described_has_no_role(claims: dict[str, Any]) -> None:
    assert MAPPED.of(claims) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("person: sub\nroles: [{role: boss, claim: groups, has: x}]", "line 2: roles.0: no role 'boss'"),
        ("person: sub\nroles: []", "line 2"),
        ("person: sub\nrole: []\nroles: [{role: credit, claim: g, has: x}]", "line 2: role"),
        ("person: sub\nroles: [{role: account_manager, claim: g, has: x}]", "name the claim that holds it"),
        ("- person", "line 1"),
    ],
)
def test_rules_that_would_not_do_say_where(text: str, said: str) -> None:
    with pytest.raises(Malformed, match=r"roles\.yaml, line") as found:
        read_mapped(text, "roles.yaml")
    assert said in str(found.value)


@pytest.mark.parametrize("issuer", ["http://login.example.com", "login.example.com", "https://a/?b", "ftp://a"])
def test_an_issuer_to_which_others_could_listen_is_refused(issuer: str) -> None:
    with pytest.raises(Malformed, match="https"):
        Provider(issuer, "guanxi", MAPPED, KEY)


# A provider that lies


class Lying(httpx.AsyncBaseTransport):
    """A provider in memory. changed: what is different in the id token; signed: by which key."""

    issuer = "https://login.test"

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "1"})
        self.signed: Any = self.key
        self.forge: bytes | None = None
        self.changed: dict[str, Any] = {}
        self.described: dict[str, Any] = {}
        self.userinfo: dict[str, Any] | None = None
        self.asked: list[dict[str, str]] = []
        self.nonce = ""
        self.filler = ""

    def _answer(self, request: httpx.Request) -> Any:
        match request.url.path:
            case "/.well-known/openid-configuration":
                paths = {"authorization_endpoint": "/auth", "token_endpoint": "/token", "jwks_uri": "/keys"}
                if self.userinfo is not None:
                    paths["userinfo_endpoint"] = "/userinfo"
                named = {name: f"{self.issuer}{path}" for name, path in paths.items()}
                return {"issuer": self.issuer, **named, **self.described, "filler": self.filler}
            case "/keys":
                return {"keys": [self.key.as_dict(private=False)]}
            case "/userinfo":
                return self.userinfo
            case "/token":
                self.asked.append({name: one[0] for name, one in parse_qs(request.content.decode()).items()})
                claims = {"iss": self.issuer, "aud": "guanxi", "iat": 1000, "exp": 2000, "nonce": self.nonce, **WEI}
                header = {"alg": "RS256", "kid": self.key.kid}
                token = jwt.encode(header, {**claims, **self.changed}, self.signed)
                if self.forge is not None:
                    token = _hmac_signed(token.split(".")[1], self.forge)
                return {"access_token": "a", "token_type": "Bearer", "id_token": token}
        raise AssertionError(request.url)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=self._answer(request), request=request)


def _hmac_signed(payload: str, key: bytes) -> str:
    """With the public key as a shared secret: joserfc makes no such token."""
    signed = f"{_b64(json.dumps({'alg': 'HS256', 'kid': '1'}).encode())}.{payload}"
    return f"{signed}.{_b64(hmac.digest(key, signed.encode(), 'sha256'))}"


def _b64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


@pytest.fixture
def lying() -> Lying:
    return Lying()


@pytest.fixture
def provider(lying: Lying) -> Provider:
    return Provider(lying.issuer, "guanxi", MAPPED, KEY, transport=lying, now=lambda: 1500.0)


async def _back(provider: Provider, lying: Lying, *, browser: str = "browser", **said: str) -> tuple[Person, str]:
    attempt = await provider.ask(BACK, "browser", "/console/tiers")
    asked = {name: one[0] for name, one in parse_qs(urlsplit(attempt.url).query).items()}
    lying.nonce = asked["nonce"]
    assert asked["code_challenge_method"] == "S256"
    return await provider.back(BACK, browser, {"code": "c", "state": asked["state"], **said})


async def test_who_comes_back_is_who_the_provider_says_and_sees_the_page_they_wanted(
    provider: Provider, lying: Lying
) -> None:
    assert await _back(provider, lying) == (
        Person("wei@example.com", "account_manager", "R-1", "R-1"),
        "/console/tiers",
    )
    assert len(lying.asked[0]["code_verifier"]) >= 43


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://other.test"},
        {"aud": "another"},
        {"aud": ["another", "others"]},
        {"aud": ["guanxi", "another"], "azp": "another"},
        {"exp": 1400},
        {"exp": None},
        {"nonce": "of another attempt"},
        {"nonce": None},
        {"sub": None},
    ],
)
async def test_a_token_that_is_not_for_this_attempt_is_not_believed(
    provider: Provider, lying: Lying, changed: dict[str, Any]
) -> None:
    lying.changed = changed
    with pytest.raises(NotSignedInError, match="provider"):
        await _back(provider, lying)


async def test_a_token_that_somebody_else_signed_is_not_believed(provider: Provider, lying: Lying) -> None:
    lying.signed = RSAKey.generate_key(2048, {"kid": "1"})
    with pytest.raises(NotSignedInError, match="provider"):
        await _back(provider, lying)


async def test_a_token_signed_with_what_everybody_knows_is_not_believed(provider: Provider, lying: Lying) -> None:
    lying.forge = lying.key.as_pem(private=False)
    with pytest.raises(NotSignedInError, match="provider"):
        await _back(provider, lying)


async def test_keys_that_the_provider_changed_are_asked_for_again(provider: Provider, lying: Lying) -> None:
    await _back(provider, lying)
    lying.key = lying.signed = RSAKey.generate_key(2048, {"kid": "2"})
    provider.now = lambda: 1500.0 + 61
    assert (await _back(provider, lying))[0].id == "wei@example.com"


async def test_claims_that_the_token_lacks_are_asked_for_and_are_of_the_same_person(
    provider: Provider, lying: Lying
) -> None:
    lying.changed = dict.fromkeys(("groups", "employee"))
    lying.userinfo = {"sub": "u-9", "title": "lead", "department": "north"}
    with pytest.raises(NotSignedInError, match="role"):
        await _back(provider, lying)
    lying.userinfo["sub"] = "u-1"
    assert (await _back(provider, lying))[0].role == "team_lead"


@pytest.mark.parametrize("said", [{"browser": "another browser"}, {"state": ""}, {"state": "x.y"}, {"state": "é.="}])
async def test_an_attempt_of_another_browser_is_not_taken(
    provider: Provider, lying: Lying, said: dict[str, str]
) -> None:
    with pytest.raises(NotSignedInError, match="attempt"):
        await _back(provider, lying, **said)
    assert not lying.asked


async def test_a_page_that_was_changed_on_the_way_is_not_taken(provider: Provider) -> None:
    attempt = await provider.ask(BACK, "browser", "/console/tiers")
    state = parse_qs(urlsplit(attempt.url).query)["state"][0].partition(".")[0] + ".L2NvbnNvbGUvaGVhbHRo"
    with pytest.raises(NotSignedInError, match="attempt"):
        await provider.back(BACK, "browser", {"code": "c", "state": state})


async def test_a_provider_that_says_no_is_told_so(provider: Provider, lying: Lying) -> None:
    with pytest.raises(NotSignedInError, match="declined"):
        await _back(provider, lying, error="access_denied")


async def test_a_provider_of_another_name_or_that_says_too_much_is_not_believed(
    provider: Provider, lying: Lying
) -> None:
    lying.described = {"issuer": "https://other.test"}
    with pytest.raises(NotSignedInError, match="provider"):
        await provider.ask(BACK, "browser", "")
    lying.described, lying.filler = {}, "x" * MAX_ANSWER_BYTES
    with pytest.raises(NotSignedInError, match="provider"):
        await provider.ask(BACK, "browser", "")


# A real provider


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    users = [option for one in (WEI, NOBODY) for option in ("--user-claims", json.dumps(one))]
    process = subprocess.Popen(
        [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), *users],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "running on" in line:
            break
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.communicate()


@asynccontextmanager
async def _browser(issuer: str) -> AsyncIterator[httpx.AsyncClient]:
    """Of somebody who presses the console's button, and is at the provider's page now."""
    world = World(Provider(issuer, "guanxi", MAPPED, KEY, client_secret="s %&"))
    console = httpx.ASGITransport(world.app)
    async with httpx.AsyncClient(mounts={HOST: console}, base_url=HOST, follow_redirects=True) as browser:
        page = await browser.get(f"{ROOT}/sign-in?next={ROOT}/tiers")
        assert f"Sign in with 127.0.0.1:{urlsplit(issuer).port}" in page.text
        yield browser


async def test_somebody_signs_in_at_a_real_provider(issuer: str) -> None:
    async with _browser(issuer) as browser:
        form = await browser.get(f"{ROOT}/sign-in/oidc?next={ROOT}/tiers")
        assert str(form.url).startswith(issuer)
        browser.follow_redirects = False
        answer = await browser.post(form.url, data={"sub": WEI["sub"]})
        answer = await browser.get(answer.headers["location"])
        assert (answer.status_code, answer.headers["location"]) == (303, f"{ROOT}/tiers")
        told = answer.headers.get_list("set-cookie")
        assert any(one.startswith("guanxi=") and "HttpOnly" in one for one in told)
        assert any(one.startswith('guanxi-attempt=""') for one in told)
        assert (await browser.get(f"{ROOT}/tiers")).status_code == 200


async def test_who_has_no_role_here_or_is_turned_away_is_told_what_to_do(issuer: str) -> None:
    async with _browser(issuer) as browser:
        form = await browser.get(f"{ROOT}/sign-in/oidc")
        answer = await browser.post(form.url, data={"sub": NOBODY["sub"]})
        assert (answer.status_code, "but have no role here" in answer.text) == (403, True)
        form = await browser.get(f"{ROOT}/sign-in/oidc")
        answer = await browser.post(form.url, data={"action": "deny"})
        assert (answer.status_code, "did not let you in" in answer.text) == (403, True)
        again = await browser.get(f"{ROOT}/sign-in/oidc/back?code=c&state=s")
        assert (again.status_code, "Begin again" in again.text) == (403, True)


async def test_a_provider_that_is_away_is_told_so() -> None:
    async with _browser("http://127.0.0.1:9") as browser:
        answer = await browser.get(f"{ROOT}/sign-in/oidc")
        assert (answer.status_code, "does not answer as it should" in answer.text) == (403, True)


async def test_without_a_provider_there_is_no_such_page() -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(World().app), base_url=HOST) as browser:
        for path in ("/sign-in/oidc", "/sign-in/oidc/back"):
            assert (await browser.get(f"{ROOT}{path}")).status_code == 404


# Settings


def _settings(monkeypatch: pytest.MonkeyPatch, **given: str) -> QuerySettings:
    for name, value in given.items():
        monkeypatch.setenv(f"GUANXI_{name}", value)
    return QuerySettings()


def test_nothing_set_is_no_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = _settings(monkeypatch, OIDC_ISSUER="", OIDC_CA_FILE="", OIDC_ROLES_FILE="/nowhere")
    assert provider_of(settings, Seals.read(None)) is None


def test_a_provider_needs_a_file_of_roles_that_loads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    issuer = {"OIDC_ISSUER": "https://login.test"}
    with pytest.raises(Malformed, match="GUANXI_OIDC_ROLES_FILE"):
        provider_of(_settings(monkeypatch, **issuer), Seals.read(None))
    file = tmp_path / "roles.yaml"
    with pytest.raises(Malformed, match="No such file"):
        provider_of(_settings(monkeypatch, OIDC_ROLES_FILE=str(file)), Seals.read(None))
    file.write_text(RULES, encoding="utf-8")
    with pytest.raises(Malformed, match="No such file"):
        provider_of(_settings(monkeypatch, OIDC_CA_FILE=str(tmp_path / "ca.pem")), Seals.read(None))
    made = provider_of(_settings(monkeypatch, OIDC_CA_FILE=""), Seals.read(None))
    assert made is not None
    assert (made.host, made.mapped, made.client_secret) == ("login.test", MAPPED, None)
