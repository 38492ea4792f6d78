"""The confidential views have a user of their own: no bug of a filter can show them to another reader."""

from pydantic import SecretStr

from shared.mongo import Database, connect
from shared.settings import Settings


class ConfidentialSettings(Settings):
    """Of a process that reads the confidential views as well."""

    confidential_username: str | None = None
    """The user of MongoDB who may read the confidential views as well; unset, GUANXI_MONGO_USERNAME reads all."""
    confidential_password: SecretStr | None = None


def connect_confidential(settings: ConfidentialSettings) -> Database:
    """The database as the user sees it who may read the confidential views."""
    return connect_as(settings, settings.confidential_username, settings.confidential_password)


def connect_as(settings: Settings, username: str | None, password: SecretStr | None) -> Database:
    """The database as another user sees it; without one, as the process's own."""
    if username is None:
        return connect(settings)
    user = {"mongo_username": username, "mongo_password": password or SecretStr(""), "mongo_cert_file": None}
    return connect(settings.model_copy(update=user))
