"""How clients of managed servers are made: by mechanism, certificate or token; what is unsafe is refused."""

import asyncio
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka.conn import OAuthAuthenticator
from aiokafka.errors import KafkaConnectionError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr, ValidationError

from shared.kafka.broker import make_broker
from shared.kafka.connection import client_options, ssl_context
from shared.kafka.token import MAX_ANSWER_BYTES, ClientCredentials
from shared.mongo import Database, connect
from shared.mongo import client_options as mongo_options
from shared.mongo.confidential import ConfidentialSettings, connect_confidential
from shared.settings import SECRETS_DIR, Settings

BY_PASSWORD = ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN")
TOKENS: dict[str, Any] = {
    "kafka_mechanism": "OAUTHBEARER",
    "kafka_tls": True,
    "kafka_token_url": "https://login.example.com/token",
    "kafka_token_client": "guanxi",
    "kafka_token_secret": SecretStr("hidden"),
}


@pytest.mark.parametrize("mechanism", BY_PASSWORD)
def test_every_client_of_kafka_says_who_it_is_by_the_mechanism_that_is_asked_for(mechanism: Any) -> None:
    settings = Settings(kafka_mechanism=mechanism, kafka_tls=True, kafka_username="u", kafka_password=SecretStr("p"))
    options = client_options(settings)
    assert options["security_protocol"] == "SASL_SSL"
    assert (options["sasl_mechanism"], options["sasl_plain_username"], options["sasl_plain_password"]) == (
        *(mechanism, "u", "p"),
    )
    assert options["ssl_context"].verify_mode is ssl.CERT_REQUIRED
    assert options["ssl_context"].check_hostname
    reader = make_broker(settings, "test")._connection_kwargs
    assert {name: reader[name] for name in options if name not in {"bootstrap_servers", "ssl_context"}} == {
        name: options[name] for name in options if name not in {"bootstrap_servers", "ssl_context"}
    }
    assert isinstance(reader["ssl_context"], ssl.SSLContext)


def test_without_a_user_tls_alone_and_without_tls_nothing_is_said() -> None:
    assert client_options(Settings(kafka_tls=True))["security_protocol"] == "SSL"
    assert make_broker(Settings(kafka_tls=True), "test")._connection_kwargs["security_protocol"] == "SSL"
    assert "security_protocol" not in client_options(Settings())
    scram = Settings(kafka_username="u", kafka_password=SecretStr("p"))
    assert client_options(scram)["security_protocol"] == "SASL_PLAINTEXT", "as Compose has it inside its network"


def test_a_reader_takes_tokens_as_every_client_does() -> None:
    async def made() -> Any:
        settings = Settings(**TOKENS)
        return client_options(settings), make_broker(settings, "test")._connection_kwargs

    options, reader = asyncio.run(made())
    for one in (options, reader):
        assert (one["security_protocol"], one["sasl_mechanism"]) == ("SASL_SSL", "OAUTHBEARER")
        assert isinstance(one["sasl_oauth_token_provider"], ClientCredentials)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"kafka_mechanism": "PLAIN"}, "PLAIN needs GUANXI_KAFKA_TLS=true"),
        (TOKENS | {"kafka_tls": False}, "OAUTHBEARER needs GUANXI_KAFKA_TLS=true"),
        (TOKENS | {"kafka_token_secret": None}, "GUANXI_KAFKA_TOKEN_SECRET"),
        (TOKENS | {"kafka_token_url": "http://login.example.com/"}, "must begin with https://"),
        (TOKENS | {"kafka_token_extensions": "logicalCluster"}, "is not a list such as logicalCluster=lkc-1"),
        ({"kafka_mechanism": "GSSAPI"}, "SCRAM-SHA-512"),
        ({"kafka_tls": True, "kafka_cert_file": "a"}, "go together"),
        ({"kafka_cert_file": "a", "kafka_key_file": "b"}, "GUANXI_KAFKA_CERT_FILE needs"),
        ({"mongo_cert_file": "a", "mongo_username": "u"}, "says who this is"),
    ],
)
def test_what_would_send_a_secret_in_the_clear_or_is_incomplete_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said) as raised:
        Settings(**wrong)
    assert "hidden" not in str(raised.value)


# ------------------------------------------------------------------------------------------------------ tokens

Answer = Callable[[httpx.Request], httpx.Response]


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def credentials(answer: Answer, clock: Clock | None = None, **more: Any) -> ClientCredentials:
    return ClientCredentials(Settings(**TOKENS | more), httpx.MockTransport(answer), clock or Clock())


async def test_a_token_is_asked_for_once_and_again_before_it_ends() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={"access_token": f"token-{len(asked)}", "expires_in": 100})

    clock = Clock()
    provider = credentials(answer, clock, kafka_token_scope="kafka")
    together = await asyncio.gather(*(provider.token() for _ in range(5)))
    assert set(together) == {"token-1"}
    clock.now += 79
    assert await provider.token() == "token-1"
    clock.now += 2
    assert await provider.token() == "token-2"
    assert asked[0].method == "POST"
    assert asked[0].content.decode() == "grant_type=client_credentials&scope=kafka"
    assert asked[0].headers["authorization"] == "Basic Z3VhbnhpOmhpZGRlbg=="


async def test_a_broker_gets_the_token_and_what_else_it_wants() -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"access_token": "abc"})

    provider = credentials(answer, kafka_token_extensions="logicalCluster=lkc-1, identityPoolId=pool-1")
    payload, _ = await OAuthAuthenticator(sasl_oauth_token_provider=provider).step(None)
    assert payload == b"n,,\x01auth=Bearer abc\x01logicalCluster=lkc-1\x01identityPoolId=pool-1\x01\x01"


def _away(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("no route")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (_away, "no route"),
        (lambda _: httpx.Response(401, json={"error": "invalid_client"}), "gives no token: 401"),
        (lambda _: httpx.Response(302, headers={"location": "https://other.example.com"}), "gives no token: 302"),
        (lambda _: httpx.Response(200, text="<html>"), "what is no token"),
        (lambda _: httpx.Response(200, json={"access_token": 1}), "what is no token"),
        (lambda _: httpx.Response(200, content=b"x" * (MAX_ANSWER_BYTES + 1)), "more than a token"),
    ],
)
async def test_where_there_is_no_token_clients_try_again_and_no_secret_is_said(answer: Answer, said: str) -> None:
    with pytest.raises(KafkaConnectionError, match=said) as raised:  # as a broker that is away
        await credentials(answer).token()
    assert "hidden" not in str(raised.value)


# ------------------------------------------------------------------------------------------------ certificates


def certificate(folder: Path, name: str, by: tuple[Any, Any] | None = None, password: bytes | None = None) -> Any:
    """Writes NAME.pem, NAME.key and NAME.both; gives what signs others."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by[0].subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(by[1] if by else key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    sealing: Any = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, sealing)
    (folder / f"{name}.pem").write_bytes(pem)
    (folder / f"{name}.key").write_bytes(private)
    (folder / f"{name}.both").write_bytes(private + pem)
    return made, key


@pytest.mark.parametrize("password", [None, b"of the key"])
async def test_a_server_that_asks_for_a_certificate_gets_this_process_own(
    tmp_path: Path, password: bytes | None
) -> None:
    authority = certificate(tmp_path, "ca")
    certificate(tmp_path, "server", authority)
    certificate(tmp_path, "tiering", authority, password)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    server.load_verify_locations(tmp_path / "ca.pem")
    server.verify_mode = ssl.CERT_REQUIRED
    known: list[Any] = []

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        known.append(writer.get_extra_info("peercert")["subject"])
        writer.write(b"welcome")
        await writer.drain()
        writer.close()

    settings = Settings(
        kafka_ca_file=tmp_path / "ca.pem",
        kafka_cert_file=tmp_path / "tiering.pem",
        kafka_key_file=tmp_path / "tiering.key",
        kafka_key_password=SecretStr(password.decode()) if password else None,
    )
    assert client_options(settings)["security_protocol"] == "SSL"
    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=server) as listening:
        port = listening.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=ssl_context(settings), server_hostname="localhost"
        )
        assert await reader.read() == b"welcome"
        writer.close()
    assert known == [((("commonName", "tiering"),),)]


# ----------------------------------------------------------------------------------------------------- MongoDB


@pytest.mark.parametrize(
    ("uri", "source", "expected"),
    [
        ("mongodb://m/?replicaSet=r", None, "guanxi"),
        ("mongodb://m/?replicaSet=r", "admin", "admin"),
        ("mongodb://m/?authSource=admin", None, None),
        ("mongodb://m/?AUTHSOURCE=admin", None, None),
        ("mongodb://m/?authSource=admin", "users", "users"),
        ("mongodb+srv://m.example.com/", None, None),
        ("mongodb+srv://m.example.com/", "admin", "admin"),
    ],
)
def test_the_database_that_knows_the_user_is_the_settings_else_the_uris_else_our_own(
    uri: str, source: str | None, expected: str | None
) -> None:
    settings = Settings(
        mongo_uri=SecretStr(uri), mongo_username="u", mongo_password=SecretStr("p"), mongo_auth_source=source
    )
    assert mongo_options(settings).get("authSource") == expected


def pool_of(database: Database) -> Any:
    """What the driver made of the options."""
    client: Any = database.client
    return client.options.pool_options


def test_a_uri_with_user_and_password_is_left_as_it_is() -> None:
    settings = Settings(mongo_uri=SecretStr("mongodb://u:p@m/?authSource=admin&replicaSet=r"))
    assert mongo_options(settings) == {}
    credential: Any = pool_of(connect(settings))._credentials
    assert (credential.username, credential.source, credential.mechanism) == ("u", "admin", "DEFAULT")


def test_a_process_is_known_to_mongodb_by_its_certificate(tmp_path: Path) -> None:
    certificate(tmp_path, "tiering", certificate(tmp_path, "ca"), b"of the key")
    settings = ConfidentialSettings(
        mongo_cert_file=tmp_path / "tiering.both",
        mongo_cert_password=SecretStr("of the key"),
        mongo_ca_file=tmp_path / "ca.pem",
        confidential_username="confidential",
        confidential_password=SecretStr("p"),
    )
    pool = pool_of(connect(settings))
    assert (pool._credentials.mechanism, pool._credentials.source) == ("MONGODB-X509", "$external")
    assert pool._ssl_context is not None
    other = pool_of(connect_confidential(settings))
    assert (other._credentials.username, other._credentials.source) == ("confidential", "guanxi")
    assert other._ssl_context is not None


def test_tls_by_the_systems_authorities() -> None:
    assert mongo_options(Settings(mongo_tls=True)) == {"tls": True}
    assert mongo_options(Settings()) == {}


# ----------------------------------------------------------------------------------------------------- secrets


def test_of_several_folders_of_secrets_the_last_one_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder, names in (("one", ("guanxi_kafka_password", "guanxi_person_key")), ("two", ("guanxi_kafka_password",))):
        (tmp_path / folder).mkdir()
        for name in names:
            (tmp_path / folder / name).write_text(f"{name} of {folder}\n")
    (tmp_path / "two" / "guanxi_kafka_username").write_text("lkc-user\n")
    monkeypatch.setenv(SECRETS_DIR, f"{tmp_path / 'one'}:{tmp_path / 'two'}")
    monkeypatch.setenv("GUANXI_KAFKA_USERNAME", "")
    settings = Settings()
    assert settings.kafka_username == "lkc-user"
    assert settings.kafka_password == SecretStr("guanxi_kafka_password of two")
    assert settings.person_key == SecretStr("guanxi_person_key of one")
