"""The OpenAPI document of the HTTP door: the same that the door serves."""

from services.ingest.http_openapi import openapi

__all__ = ["openapi"]
