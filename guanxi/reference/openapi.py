"""The OpenAPI documents of the HTTP door and of the read API, the same ones that they serve."""

from services.ingest.doors.http.openapi import openapi
from services.query.api.openapi import openapi as api

__all__ = ["api", "openapi"]
