"""The catalogue as people write it: YAML, checked with the line of each error."""

from datetime import date
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from services.planning.rules.catalogue import Catalogue, Catalogues
from shared.events.types import TIERS
from shared.yaml_lines import load

OWN = Path(__file__).parent / "catalogues"
MAX_VERSION = 2**31 - 1
MAX_SERVICES = 50
_Quota = Annotated[int, Field(strict=True, ge=0, le=100_000)] | None


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class QuotaFile(_Strict):
    """What each tier may use in 365 days; null is without limit. Below general nothing."""

    strategic: _Quota
    partner: _Quota
    priority: _Quota
    general: _Quota


class ServiceFile(_Strict):
    """One service. zh: its name for readers in Chinese."""

    service: Annotated[str, StringConstraints(strict=True, pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
    zh: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=40)] | None = None
    quota: QuotaFile


class CatalogueFile(_Strict):
    """A catalogue's file."""

    version: Annotated[int, Field(strict=True, ge=1, le=MAX_VERSION)]
    effective_on: date
    services: Annotated[tuple[ServiceFile, ...], Field(min_length=1, max_length=MAX_SERVICES)]

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        names = [one.service for one in self.services]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"the service {twice!r} stands in it twice; names are unique in a catalogue")
        return self


def read_catalogue(text: str, name: str) -> Catalogue:
    """Raises Malformed with file and line."""
    document = load(text, name)
    try:
        file = CatalogueFile.model_validate(document.value)
    except ValidationError as error:
        raise document.invalid(error) from None
    quotas = {
        one.service: tuple(0 if tier == TIERS[0] else getattr(one.quota, tier) for tier in TIERS)
        for one in file.services
    }
    return Catalogue(file.version, file.effective_on.toordinal(), quotas)


def make_catalogues() -> Catalogues:
    """guanxi's own, in the order in which they take effect."""
    read = [read_catalogue(file.read_text(encoding="utf-8"), file.name) for file in sorted(OWN.glob("*.yaml"))]
    return tuple(sorted(read, key=lambda one: (one.effective_on, one.version)))
