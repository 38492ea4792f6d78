"""Settings that every service shares, read once from the environment (prefix GUANXI_), secrets from files as well."""

import os
import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SecretsSettingsSource, SettingsConfigDict

from shared.connections import MAX_CONNECTIONS, MAX_CONNECTIONS_PER_ADDRESS

SECRETS_DIR = "GUANXI_SECRETS_DIR"
"""Names a folder with one file per secret, called as its variable in lower case: guanxi_kafka_password. So a password
need not stand in the environment, which `docker inspect` and every child process show. The environment wins. Several
folders, separated as in PATH: what a later one has comes before what an earlier one has.
"""


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{name!r} is not a time zone of the IANA database, such as Asia/Shanghai") from None
    return name


_SERVER = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\s:,\[\]/]+)(:\d{1,5})?")


def _servers(text: str) -> str:
    strange = [one for one in _split(text) if not _SERVER.fullmatch(one)]
    if strange or not _split(text):
        raise ValueError(f"{text!r} is not a list of brokers, such as kafka-1:9092,kafka-2:9092")
    return text


def _split(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


def _pairs(text: str) -> dict[str, str]:
    return {name.strip(): value.strip() for name, _, value in (pair.partition("=") for pair in _split(text))}


def _extensions(text: str) -> str:
    if any(not name.isalpha() or not value or not value.isprintable() for name, value in _pairs(text).items()):
        raise ValueError(f"{text!r} is not a list such as logicalCluster=lkc-1,identityPoolId=pool-1")
    return text


class Settings(BaseSettings):
    """What each process needs to know to take its place. An unset variable has the default given here."""

    model_config = SettingsConfigDict(env_prefix="GUANXI_", env_ignore_empty=True, frozen=True, extra="ignore")

    kafka_bootstrap: Annotated[str, AfterValidator(_servers)] = "127.0.0.1:9092"
    """Brokers, separated by commas; one that answers is enough to find the others."""
    kafka_username: str | None = None
    kafka_password: SecretStr | None = None
    kafka_mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN", "OAUTHBEARER"] = "SCRAM-SHA-512"
    """How this process says who it is: by its user and password, or, with OAUTHBEARER, by a token."""
    kafka_tls: bool = False
    """Connections to Kafka use TLS only; brokers are known by the authorities of the system, or by kafka_ca_file."""
    kafka_ca_file: Path | None = None
    """Certificates of the authority that signed the brokers'; if set, connections to Kafka use TLS only."""
    kafka_cert_file: Path | None = None
    """With kafka_key_file: this process's own certificate, where brokers ask for one (mutual TLS)."""
    kafka_key_file: Path | None = None
    kafka_key_password: SecretStr | None = None
    kafka_token_url: str | None = None
    """Where tokens for OAUTHBEARER are given out for kafka_token_client and kafka_token_secret (client credentials)."""
    kafka_token_client: str | None = None
    kafka_token_secret: SecretStr | None = None
    kafka_token_scope: str = ""
    kafka_token_extensions: Annotated[str, AfterValidator(_extensions)] = ""
    """What the brokers want beside the token, such as logicalCluster=lkc-1,identityPoolId=pool-1."""
    kafka_token_ca_file: Path | None = None
    """As kafka_ca_file, for where tokens are given out."""
    mongo_uri: SecretStr = SecretStr("mongodb://127.0.0.1:27017/?replicaSet=guanxi")
    mongo_username: str | None = None
    """A user of the database itself, not of `admin`."""
    mongo_password: SecretStr | None = None
    mongo_auth_source: str | None = None
    """The database that knows the user, where it is another than mongo_database and the URI does not say it."""
    mongo_tls: bool = False
    """As kafka_tls, for MongoDB; a URI with mongodb+srv means it."""
    mongo_ca_file: Path | None = None
    """As kafka_ca_file, for MongoDB."""
    mongo_cert_file: Path | None = None
    """This process's own certificate and its key, in one file: it is known by them (X.509), not by a password."""
    mongo_cert_password: SecretStr | None = None
    mongo_database: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,38}$")] = "guanxi"
    topic_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{0,60}$")] = ""
    partitions: Annotated[int, Field(ge=1, le=1000)] = 12
    log_generation: Annotated[int, Field(ge=1)] = 1
    """Which log is read and written: `guanxi relog` says when to set the next one."""
    replication: Annotated[int, Field(ge=1, le=9)] = 1
    backfill_token: SecretStr = SecretStr("1")
    """By which admission knows history that `guanxi import --backfill` sends. Where upstreams write the inbox
    themselves, it should be a secret of ingest's and the operator's.
    """
    person_key: SecretStr | None = None
    """Goes into the ids of persons known by name only; for ingest and set-up."""
    webhook_key: SecretStr | None = None
    """At least 32 characters, from which the secrets of webhooks are made; for query, delivery and the command line."""
    webhook_allowed: str = ""
    """Hosts, and networks such as 10.1.0.0/16, that webhooks may go to although they are not public, separated by
    commas; hosts named here may use plain HTTP. For query, delivery and the command line.
    """
    http_host: str = "127.0.0.1"
    http_port: Annotated[int, Field(ge=0, le=65535)] = 8080
    http_cert_file: Path | None = None
    """With http_key_file: the certificate for TLS on the HTTP port; unset, it uses plain HTTP."""
    http_key_file: Path | None = None
    http_connections: Annotated[int, Field(ge=10, le=100_000)] = MAX_CONNECTIONS
    """At once, of the HTTP port; fewer where the system allows fewer open files."""
    http_connections_per_address: Annotated[int, Field(ge=1, le=100_000)] = MAX_CONNECTIONS_PER_ADDRESS
    """Of those, from one address. Behind a proxy all upstreams have the proxy's."""
    metrics_port: Annotated[int | None, Field(ge=1, le=65535)] = None
    """Where `/metrics` answers; unset, on the HTTP port."""
    time_zone: Annotated[str, AfterValidator(_known_zone)] = "Asia/Shanghai"
    log_format: Literal["console", "json"] = "console"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    session_timeout_ms: Annotated[int, Field(ge=2000, le=300_000)] = 10_000
    batch_max_records: Annotated[int, Field(ge=1, le=10_000)] = 5000
    """Most records read at once; how many of them one transaction takes follows what the servers can do."""
    batch_every_ms: Annotated[float, Field(ge=0, le=1000)] = 8.0
    """Least time between the starts of two batches, so that batches fill up."""
    retry_for_seconds: Annotated[float, Field(ge=0)] = 300.0
    """How long a process retries while Kafka or MongoDB does not answer before it stops loudly."""
    sweep_every_seconds: Annotated[float, Field(gt=0)] = 3600.0
    sweep_max_reviews: Annotated[int, Field(ge=1)] = 20_000
    """Most reviews per sweep; the rest follow in the next one."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then the files of the folder that GUANXI_SECRETS_DIR names."""
        del dotenv_settings, file_secret_settings
        folders = [folder for folder in os.environ.get(SECRETS_DIR, "").split(os.pathsep) if folder]
        files = (SecretsSettingsSource(settings_cls, secrets_dir=folders),) if folders else ()
        return init_settings, env_settings, *files

    @model_validator(mode="after")
    def _what_belongs_together(self) -> Self:
        """Nothing that is read in passing: a password or a token without TLS is anybody's."""
        if self.kafka_mechanism in {"PLAIN", "OAUTHBEARER"} and not self.kafka_encrypted:
            raise ValueError(f"GUANXI_KAFKA_MECHANISM={self.kafka_mechanism} needs GUANXI_KAFKA_TLS=true")
        if self.kafka_mechanism == "OAUTHBEARER":
            self._check_token()
        if (self.kafka_cert_file is None) != (self.kafka_key_file is None):
            raise ValueError("GUANXI_KAFKA_CERT_FILE and GUANXI_KAFKA_KEY_FILE go together")
        if self.kafka_cert_file is not None and not self.kafka_encrypted:
            raise ValueError("GUANXI_KAFKA_CERT_FILE needs GUANXI_KAFKA_TLS=true")
        if self.mongo_cert_file is not None and self.mongo_username is not None:
            raise ValueError("GUANXI_MONGO_CERT_FILE says who this is; GUANXI_MONGO_USERNAME says it otherwise")
        return self

    def _check_token(self) -> None:
        if not (self.kafka_token_url and self.kafka_token_client and self.kafka_token_secret):
            raise ValueError(
                "GUANXI_KAFKA_MECHANISM=OAUTHBEARER needs GUANXI_KAFKA_TOKEN_URL, _CLIENT and GUANXI_KAFKA_TOKEN_SECRET"
            )
        if not self.kafka_token_url.startswith("https://"):
            raise ValueError("GUANXI_KAFKA_TOKEN_URL must begin with https://, since a secret is sent there")

    @property
    def kafka_encrypted(self) -> bool:
        """Whether connections to Kafka use TLS."""
        return self.kafka_tls or self.kafka_ca_file is not None

    @property
    def kafka_extensions(self) -> dict[str, str]:
        """kafka_token_extensions, one by one."""
        return _pairs(self.kafka_token_extensions)

    @property
    def kafka_servers(self) -> list[str]:
        """The brokers of kafka_bootstrap, one by one, as every client of Kafka takes them."""
        return _split(self.kafka_bootstrap)

    @cached_property
    def zone(self) -> ZoneInfo:
        """The business time zone (domain.md, Time)."""
        return ZoneInfo(self.time_zone)
