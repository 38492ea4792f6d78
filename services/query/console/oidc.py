"""Sign-in by a company's own provider: OpenID Connect, the code flow with PKCE, as a client of one provider.

One attempt is tied to one browser: a cookie keeps a random secret for ten minutes, from which state, nonce and PKCE's
verifier are made. Only a claim of an id token that the provider signed, for us and for this attempt, is believed.
"""

import asyncio
import logging
import ssl
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b, sha256
from hmac import compare_digest
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from services.query.console.oidc_roles import Mapped
from services.query.console.roles import Person
from services.query.console.sign_in import NotSignedInError
from shared.errors import Malformed

log = logging.getLogger(__name__)

MAX_ANSWER_BYTES = 256 * 1024
"""Of the provider: its description, keys, tokens and claims have a few kB."""
SECONDS = 10.0
"""For one answer of the provider."""
KEPT_SECONDS = 3600.0
"""The provider's description and keys are asked for again after that."""
KEYS_AGAIN_SECONDS = 60.0
"""A key that is not among those kept is looked for at most so often."""
LEEWAY_SECONDS = 60
"""By which clocks may differ."""
MAX_NEXT_CHARS = 500
MAX_CODE_CHARS = 4_000
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
"""Signatures with a public key. None of those with a shared secret, and not `none`."""
SCOPE = "openid profile email"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Attempt:
    """Where a browser is sent, and the secret that its cookie keeps meanwhile."""

    url: str
    secret: str


@dataclass(slots=True)
class Provider:
    """The provider, as issuer and client_id name it. client_secret: None where PKCE alone is asked for; ca_file: of its
    certificate; key: signs state; now: the wall clock, in seconds.
    """

    issuer: str
    client_id: str
    mapped: Mapped
    key: bytes
    client_secret: str | None = None
    ca_file: Path | None = None
    scope: str = SCOPE
    now: Callable[[], float] = time.time
    transport: httpx.AsyncBaseTransport | None = None
    _described: tuple[float, Json] | None = field(default=None, init=False)
    _keys: tuple[float, KeySet] | None = field(default=None, init=False)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    _verify: ssl.SSLContext = field(init=False)

    def __post_init__(self) -> None:
        """Raises Malformed where others could listen to the issuer, or ca_file can't be read."""
        parts = urlsplit(self.issuer)
        here = parts.hostname in {"127.0.0.1", "::1", "localhost"}
        if not (parts.scheme == "https" or (parts.scheme == "http" and here)) or parts.query or parts.fragment:
            raise Malformed(f"GUANXI_OIDC_ISSUER must be an address with https, not {self.issuer}")
        try:
            self._verify = ssl.create_default_context(cafile=str(self.ca_file) if self.ca_file else None)
        except OSError as error:
            raise Malformed(f"{self.ca_file}: {error.strerror or 'no certificates in it'}") from None

    @property
    def host(self) -> str:
        """As people know it."""
        return urlsplit(self.issuer).netloc

    async def ask(self, back: str, secret: str, next_: str) -> Attempt:
        """Begin an attempt. back: where the provider sends the browser afterwards; next_: the page wanted.
        Raises NotSignedInError.
        """
        described = await self._description()
        verifier = self._made("verifier", secret)
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": back,
            "scope": self.scope,
            "state": self._state(secret, next_),
            "nonce": self._made("nonce", secret),
            "code_challenge": _base64(sha256(verifier.encode()).digest()),
            "code_challenge_method": "S256",
        }
        where = described["authorization_endpoint"]
        url = f"{where}{'&' if urlsplit(where).query else '?'}{urlencode(asked)}"
        return Attempt(url, secret)

    async def back(self, back: str, secret: str | None, said: Mapping[str, str]) -> tuple[Person, str]:
        """Who has come back from the provider, and which page they wanted. Raises NotSignedInError."""
        if "error" in said:
            log.info("the provider of sign-ins says no: %s", ascii(said["error"][:100]))
            raise NotSignedInError("declined")
        state = said.get("state", "")
        next_ = self._next(secret, state) if secret else None
        if secret is None or next_ is None:
            raise NotSignedInError("attempt")
        if said.get("iss", self.issuer) != self.issuer or not 0 < len(said.get("code", "")) <= MAX_CODE_CHARS:
            raise NotSignedInError("attempt")
        claims = await self._claims(back, said["code"], secret)
        person = self.mapped.of(claims)
        if person is None:
            log.warning("somebody signed in at %s to whom no rule gives a role (subject %s)", self.host, claims["sub"])
            raise NotSignedInError("role")
        return person, next_

    async def _claims(self, back: str, code: str, secret: str) -> Json:
        described = await self._description()
        try:
            async with self._client() as client:
                token = await self._token(client, described["token_endpoint"], back, code, secret)
                claims = await self._checked(str(token.get("id_token", "")), self._made("nonce", secret))
                if (self.mapped.claims - claims.keys()) and "userinfo_endpoint" in described:
                    bearer = {"Authorization": f"Bearer {token['access_token']}"}
                    told = _json(await client.get(described["userinfo_endpoint"], headers=bearer))
                    if told.get("sub") == claims["sub"]:  # OpenID Connect Core, 5.3.2: else it is of somebody else
                        claims = {**told, **claims}
        except (httpx.HTTPError, JoseError, ValueError, KeyError) as error:
            raise self._trouble(error) from error
        return claims

    async def _token(self, client: httpx.AsyncClient, url: str, back: str, code: str, secret: str) -> Json:
        asked = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": back,
            "client_id": self.client_id,
            "code_verifier": self._made("verifier", secret),
        }
        auth: httpx.BasicAuth | httpx._client.UseClientDefault = httpx.USE_CLIENT_DEFAULT
        if self.client_secret is not None:  # RFC 6749, 2.3.1: both parts encoded as in forms
            auth = httpx.BasicAuth(quote(self.client_id, safe=""), quote(self.client_secret, safe=""))
        return _json(await client.post(url, data=asked, auth=auth))

    async def _checked(self, text: str, nonce: str) -> Json:
        """The claims of an id token. Raises JoseError, or ValueError where it is none."""
        try:
            token = jwt.decode(text, await self._key_set(), algorithms=[*ALGORITHMS])
        except (JoseError, ValueError):  # perhaps signed with a key that is newer than those kept
            token = jwt.decode(text, await self._key_set(older_than=KEYS_AGAIN_SECONDS), algorithms=[*ALGORITHMS])
        registry = jwt.JWTClaimsRegistry(
            now=lambda: int(self.now()),
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self.client_id},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        registry.validate(token.claims)
        if token.claims.get("azp", self.client_id) != self.client_id:
            raise ValueError("the token was made for another client")
        return dict(token.claims)

    async def _description(self) -> Json:
        async with self._lock:
            if self._described is None or self.now() - self._described[0] > KEPT_SECONDS:
                described = await self._get(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
                if described.get("issuer") != self.issuer:
                    said = str(described.get("issuer"))[:200]
                    raise self._trouble(ValueError(f"it calls itself {said}, not {self.issuer}"))
                needed = {"authorization_endpoint", "token_endpoint", "jwks_uri"}
                if missing := needed - described.keys():
                    raise self._trouble(ValueError(f"its description lacks {', '.join(sorted(missing))}"))
                self._described = self.now(), described
            return self._described[1]

    async def _key_set(self, older_than: float = KEPT_SECONDS) -> KeySet:
        described = await self._description()
        async with self._lock:
            if self._keys is None or self.now() - self._keys[0] > older_than:
                found = KeySet.import_key_set(await self._get(described["jwks_uri"]))  # type: ignore[arg-type]
                self._keys = self.now(), found
            return self._keys[1]

    async def _get(self, url: str) -> Json:
        try:
            async with self._client() as client:
                return _json(await client.get(url))
        except (httpx.HTTPError, ValueError) as error:
            raise self._trouble(error) from error

    def _trouble(self, error: Exception) -> NotSignedInError:
        log.error("sign-in by %s failed: %s: %s", self.host, type(error).__name__, error)
        return NotSignedInError("provider")

    def _client(self) -> httpx.AsyncClient:
        transport = _Bounded(self.transport or httpx.AsyncHTTPTransport(verify=self._verify))
        return httpx.AsyncClient(transport=transport, timeout=SECONDS, trust_env=False)

    def _made(self, what: str, secret: str, more: str = "") -> str:
        """What only who has the key and the browser's secret can make: 43 characters, as PKCE wants at least."""
        made = blake2b(f"{secret}\0{more}".encode(), key=self.key[:64], person=f"oidc {what}".encode()[:16])
        return _base64(made.digest()[:32])

    def _state(self, secret: str, next_: str) -> str:
        wanted = next_ if len(next_) <= MAX_NEXT_CHARS else ""
        return f"{self._made('state', secret, wanted)}.{_base64(wanted.encode())}"

    def _next(self, secret: str, state: str) -> str | None:
        """The page that a state names; None where it is not of this attempt."""
        made, _, encoded = state.partition(".")
        try:
            wanted = urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
        except ValueError:
            return None
        return wanted if made.isascii() and compare_digest(made, self._made("state", secret, wanted)) else None


def _base64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def _json(answer: httpx.Response) -> Json:
    """Raises httpx.HTTPStatusError, or ValueError where it is not an object."""
    found = answer.raise_for_status().json()
    if not isinstance(found, dict):
        raise ValueError("its answer is no object")  # noqa: TRY004 - as what is no JSON at all
    return found


@dataclass(slots=True)
class _Bounded(httpx.AsyncBaseTransport):
    """Takes MAX_ANSWER_BYTES of an answer, and no more."""

    inner: httpx.AsyncBaseTransport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self.inner.handle_async_request(request)
        stream = answer.stream
        assert isinstance(stream, httpx.AsyncByteStream)
        return httpx.Response(
            answer.status_code, headers=answer.headers, stream=_Counted(stream), extensions=answer.extensions
        )

    async def aclose(self) -> None:
        await self.inner.aclose()


@dataclass(slots=True)
class _Counted(httpx.AsyncByteStream):
    inner: httpx.AsyncByteStream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        taken = 0
        async for part in self.inner:
            taken += len(part)
            if taken > MAX_ANSWER_BYTES:
                raise httpx.ReadError(f"an answer of over {MAX_ANSWER_BYTES} bytes")
            yield part

    async def aclose(self) -> None:
        await self.inner.aclose()
