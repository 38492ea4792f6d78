"""The services: `SERVICES` is the one list of them, which everything else walks."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from shared.errors import Stop

if TYPE_CHECKING:  # pure modules below here must not load drivers
    from shared.service import FoldingService, Positions, Service


class Services(Mapping[str, "Service"]):
    """Services by name, from their packages: each has a module `service` with its value, `SERVICE`. Names cost nothing;
    a value is imported when it is asked for.
    """

    def __init__(self, *packages: str) -> None:
        self.packages = packages

    def __getitem__(self, name: str) -> "Service":
        """Raises Stop for an unknown name, and names those there are."""
        service: Service = import_module(f"{self.package(name)}.service").SERVICE
        return service

    def __iter__(self) -> Iterator[str]:
        return (_name(package) for package in self.packages)

    def __len__(self) -> int:
        return len(self.packages)

    def __contains__(self, name: object) -> bool:
        return name in list(self)

    def package(self, name: str) -> str:
        """The package that `python -m` runs. Raises Stop for an unknown name."""
        for package in self.packages:
            if _name(package) == name:
                return package
        raise Stop(f"no service {name!r}; choose from {', '.join(self)}")

    @property
    def folding(self) -> "dict[str, FoldingService[Any]]":
        """Those that fold the log."""
        kind = import_module("shared.service").FoldingService
        return {name: service for name, service in self.items() if isinstance(service, kind)}

    def folds(self, name: str) -> "FoldingService[Any]":
        """The service that folds the log under this name. Raises Stop when there is none."""
        folding = self.folding
        if name not in folding:
            raise Stop(f"no service {name!r} folds the log; there are {', '.join(folding)}")
        return folding[name]

    @property
    def positions(self) -> "dict[str, Positions]":
        """How far those that store it have come on the topics that they read."""
        return {name: service.positions for name, service in self.items() if service.positions is not None}

    @property
    def door(self) -> "Service":
        """The one that admits what comes in: it reads the inbox."""
        inbox = import_module("shared.topics").INBOX
        return next(service for service in self.values() if inbox in service.reads)


def _name(package: str) -> str:
    return package.rpartition(".")[2]


SERVICES = Services(
    *("services.ingest", "services.tiering", "services.engagement", "services.archives", "services.planning"),
    *("services.feed", "services.query", "services.worker", "services.delivery"),
)
API = "query"
"""The one that answers readers."""
