"""The settings, Compose files, `.env.example` and docs/operators.md know the same variables, with the same defaults.
Needs no Docker.
"""

import re
from typing import Any

import yaml

from local.stack.paths import REPOSITORY
from operations.setup.run import SetupSettings
from services import SERVICES
from shared.settings import Settings

USED = re.compile(r"\$\{((?:GUANXI|OTEL)_[A-Z_]+)(?::-([^}]*))?\}")
DOCUMENTED = re.compile(r"^#((?:GUANXI|OTEL)_[A-Z_]+)=(.*)$", re.MULTILINE)
PASSED_ON = re.compile(r"^ +((?:GUANXI|OTEL)_[A-Z_]+):$", re.MULTILINE)
"""Without a value: as the environment has it, else not at all."""
GIVEN = re.compile(r"^ +(GUANXI_[A-Z_]+):", re.MULTILINE)
OF_THE_DEPLOYMENT = {
    "GUANXI_HTTP_HOST": "the image says it",
    "GUANXI_HTTP_PORT": "the same",
}
SECRETS = {"PASSWORD", "TOKEN", "KEY", "KEYS", "SECRET"}
"""Ends of the names of what comes as a file (docs/security.md)."""
OWN_DEFAULT = {"GUANXI_LOG_FORMAT": "json"}
"""What the image sets."""


def used() -> dict[str, set[str]]:
    """Defaults by variable, in all Compose files."""
    found: dict[str, set[str]] = {}
    for file in sorted(REPOSITORY.glob("docker-compose*.yml")):
        for name, default in USED.findall(file.read_text(encoding="utf-8")):
            found.setdefault(name, set()).add(default)
    return found


def documented() -> dict[str, str]:
    text = (REPOSITORY / ".env.example").read_text(encoding="utf-8")
    return dict(DOCUMENTED.findall(text))


def passed_on() -> set[str]:
    return set(PASSED_ON.findall((REPOSITORY / "docker-compose.yml").read_text(encoding="utf-8")))


def settings() -> set[str]:
    """The variable of each setting of any process."""
    models: list[type[Settings]] = [*(one.settings for one in SERVICES.values()), SetupSettings]
    return {f"GUANXI_{field.upper()}" for model in models for field in model.model_fields}


def test_every_variable_of_the_compose_files_is_documented_with_its_default() -> None:
    with_default = {name: {default} for name, default in documented().items() if name not in passed_on()}
    assert with_default == used()


def test_what_is_passed_on_is_documented_with_the_settings_own_default() -> None:
    said = documented()
    for name in passed_on():
        field = Settings.model_fields.get(name.removeprefix("GUANXI_").lower())
        assert name in said
        if name in OWN_DEFAULT:
            assert said[name] == OWN_DEFAULT[name]
        elif field is not None:
            assert float(said[name]) == float(field.default), name


def test_compose_passes_every_setting_that_an_operator_may_choose() -> None:
    text = "".join(file.read_text(encoding="utf-8") for file in REPOSITORY.glob("docker-compose*.yml"))
    missing = {name for name in settings() - set(GIVEN.findall(text)) if name.rpartition("_")[2] not in SECRETS}
    assert missing == OF_THE_DEPLOYMENT.keys()


def test_every_setting_is_documented() -> None:
    text = "".join(file.read_text(encoding="utf-8") for file in (REPOSITORY / "docs").glob("*.md"))
    assert {name for name in settings() if f"`{name}`" not in text} == set()


def test_the_services_on_managed_servers_get_every_setting_of_a_connection() -> None:
    text = (REPOSITORY / "docker-compose.managed.yml").read_text(encoding="utf-8")
    of_connections = {name for name in settings() if re.match(r"GUANXI_(KAFKA|MONGO)_", name)}
    secret = {name for name in of_connections if name.rpartition("_")[2] in SECRETS}
    assert of_connections - secret == {name for name in GIVEN.findall(text) if re.match(r"GUANXI_(KAFKA|MONGO)_", name)}


def test_each_service_on_managed_servers_has_a_folder_of_its_own_and_no_server_starts() -> None:
    class Reader(yaml.SafeLoader):
        """Compose's own tag for what replaces instead of being added."""

    def replaced(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
        return dict(loader.construct_mapping(node, deep=True))

    Reader.add_constructor("!override", replaced)
    text = (REPOSITORY / "docker-compose.managed.yml").read_text(encoding="utf-8")
    services = yaml.load(text, Reader)["services"]  # noqa: S506 - a SafeLoader
    folders = {"cli": "operator", "doctor": "operator"}
    assert {*services} == {*SERVICES, "setup", "kafka", "mongo", *folders}
    for name in ("kafka", "mongo"):
        assert services.pop(name) == {"profiles": ["never"]}
    for name, service in services.items():
        folder = folders.get(name, name)
        assert service["volumes"] == [f"${{GUANXI_MANAGED_FOLDER:-./managed}}/{folder}:/run/secrets/managed:ro"]
        assert service["networks"] == ["inside", "out"]
        assert service["environment"]["GUANXI_SECRETS_DIR"] == "/run/secrets/guanxi:/run/secrets/managed"
    assert "kafka" not in services["setup"]["depends_on"]
