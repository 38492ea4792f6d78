"""The OpenAPI document of the HTTP door, the same one that the door serves."""

from services.ingest.doors.http.openapi import openapi

__all__ = ["openapi"]
