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
    if settings.confidential_username is None:
        return connect(settings)
    password = settings.confidential_password or SecretStr("")
    user = {"mongo_username": settings.confidential_username, "mongo_password": password, "mongo_cert_file": None}
    return connect(settings.model_copy(update=user))
