"""Modules by the names that they have now, on trees in which they stood elsewhere: so one benchmark runs on both."""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, spec_from_loader
from types import ModuleType

FORMERLY = {
    "local": "guanxi",
    "local.stack": "guanxi.stack",
    "local.demo": "guanxi.demo",
    "guanxi.running": "guanxi.stack.running",
    "guanxi.current": "guanxi.stack.current",
    "operations": "guanxi",
    "operations.fast": "guanxi.rebuilding.fast",
    "operations.rebuild": "guanxi.rebuilding",
    "operations.policy": "guanxi.policy_tools",
    "shared.keys": "services.ingest",
    "shared.keys.edit": "services.ingest.keys_edit",
    "services.ingest.doors": "guanxi",
    "services.ingest.doors.files": "guanxi.importer",
    "services.ingest.doors.http": "services.ingest",
}


class _Finder(MetaPathFinder, Loader):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        return spec_from_loader(fullname, self) if _former(fullname) else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return import_module(_former(spec.name) or spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """It has run under its own name."""


def _former(name: str) -> str | None:
    if name in FORMERLY:
        return FORMERLY[name]
    package, _, rest = name.rpartition(".")
    before = FORMERLY.get(package)
    return f"{before}.{rest}" if before else None


def is_former() -> bool:
    """Does a tree run this that has not today's names? Then `alias` finds its modules by them."""
    return find_spec("guanxi.stack") is not None


def alias() -> None:
    """Once per process; does nothing where the names are today's."""
    if is_former():
        sys.meta_path.insert(0, _Finder())  # before the one that would load a module a second time, by its new name
        services = import_module("guanxi.stack.services")
        services.STORING = services.ALL  # type: ignore[attr-defined]
