"""Two kinds of import contract that import-linter lacks: what a module may import, who may import a module.

Both look at direct imports, and name modules by shell patterns (`*` also crosses dots), so that a contract
can speak of modules that are not written yet.
"""

from fnmatch import fnmatchcase
from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


def _matches(module: str, *fields: Any) -> bool:
    return any(fnmatchcase(module, pattern) for patterns in fields for pattern in patterns)


def _import_lines(graph: ImportGraph, importer: str, imported: str) -> str:
    details = graph.get_import_details(importer=importer, imported=imported)
    return ", ".join(f"l.{detail['line_number']}" for detail in details)


class _DirectImports(Contract):
    """Collects the forbidden direct imports; the two contracts differ in which those are."""

    def forbidden(self, importer: str, imported: str) -> bool:
        raise NotImplementedError

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: FBT001
        del verbose
        found = [
            f"{importer} imports {imported} ({_import_lines(graph, importer, imported)})"
            for importer in sorted(graph.modules)
            if not graph.is_module_squashed(importer)
            for imported in sorted(graph.find_modules_directly_imported_by(importer))
            if self.forbidden(importer, imported)
        ]
        return ContractCheck(kept=not found, metadata={"found": found})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for line in check.metadata["found"]:
            output.print_error(line)


class MayImportOnly(_DirectImports):
    """Modules that match `modules` import nothing that does not match `allowed`."""

    type_name = "may_import_only"
    modules = fields.SetField(subfield=fields.StringField())
    allowed = fields.SetField(subfield=fields.StringField())

    def forbidden(self, importer: str, imported: str) -> bool:
        return _matches(importer, self.modules) and not _matches(imported, self.allowed, self.modules)


class ImportedOnlyBy(_DirectImports):
    """Modules that match `modules` are imported by nothing that does not match `importers`."""

    type_name = "imported_only_by"
    modules = fields.SetField(subfield=fields.StringField())
    importers = fields.SetField(subfield=fields.StringField())

    def forbidden(self, importer: str, imported: str) -> bool:
        return _matches(imported, self.modules) and not _matches(importer, self.importers)
