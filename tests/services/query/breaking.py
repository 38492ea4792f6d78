"""What of an OpenAPI document a client may no longer rely on: the differences that break somebody."""

from collections.abc import Iterator, Mapping
from typing import Any

Json = dict[str, Any]


def breaks(old: Json, new: Json) -> list[str]:
    """Each difference in a sentence; nothing that is merely more."""
    return [*_paths(old, new), *_schemas(old["components"]["schemas"], new["components"]["schemas"])]


def _paths(old: Json, new: Json) -> Iterator[str]:
    for path, methods in old["paths"].items():
        for method, before in methods.items():
            after = new["paths"].get(path, {}).get(method)
            if after is None:
                yield f"{method.upper()} {path} is gone"
                continue
            yield from _parameters(f"{method.upper()} {path}", _by_name(before), _by_name(after))
            yield from (
                f"{path}: no answer {status} any more" for status in before["responses"].keys() - after["responses"]
            )
            yield from _shape(f"{path} 200", _answer(before), _answer(after))


def _by_name(operation: Json) -> dict[tuple[str, str], Json]:
    return {(one["in"], one["name"]): one for one in operation.get("parameters", ())}


def _answer(operation: Json) -> Json:
    good = next(answer for status, answer in operation["responses"].items() if status.startswith("2"))
    found: Json = good.get("content", {}).get("application/json", {}).get("schema", {})
    return found


def _parameters(where: str, old: Mapping[Any, Json], new: Mapping[Any, Json]) -> Iterator[str]:
    for name, before in old.items():
        if name not in new:
            yield f"{where}: the parameter {name[1]} is gone"
        else:
            yield from _narrowed(f"{where} {name[1]}", before["schema"], new[name]["schema"])
    for name, after in new.items():
        if after.get("required") and not old.get(name, {}).get("required"):
            yield f"{where}: {name[1]} is asked for now"


def _narrowed(where: str, old: Json, new: Json) -> Iterator[str]:
    """What may be sent: less than before. A parameter that may be repeated now takes one as it did."""
    if new.get("type") == "array" != old.get("type") and new.get("minItems", 0) <= 1:
        yield from _narrowed(where, old, new["items"])
        return
    if old.get("type") != new.get("type"):
        yield f"{where}: the type was {old.get('type')} and is {new.get('type')}"
    if gone := {*map(str, old.get("enum", ()))} - {*map(str, new.get("enum") or old.get("enum", ()))}:
        yield f"{where}: not taken any more: {', '.join(sorted(gone))}"
    for limit, worse in (("maximum", -1), ("maxLength", -1), ("maxItems", -1), ("minimum", 1), ("minLength", 1)):
        if limit in new and (limit not in old or (new[limit] - old[limit]) * worse > 0):
            yield f"{where}: {limit} is {new[limit]}, it was {old.get(limit)}"
    if "pattern" in new and new["pattern"] != old.get("pattern"):
        yield f"{where}: another pattern"


def _schemas(old: Mapping[str, Json], new: Mapping[str, Json]) -> Iterator[str]:
    for name, before in old.items():
        if name not in new:
            yield f"the schema {name} is gone"
        else:
            yield from _shape(name, before, new[name])


def _shape(where: str, old: Json, new: Json) -> Iterator[str]:
    """What is answered: a field that is gone, may be missing, or holds something else; a code that is gone."""
    for field, before in old.get("properties", {}).items():
        after = new.get("properties", {}).get(field)
        if after is None:
            yield f"{where}.{field} is gone"
            continue
        if strange := _types(after) - _types(before):
            yield f"{where}.{field} may be {', '.join(sorted(strange))} now"
        if field == "code" and (gone := {*before.get("enum", ())} - {*after.get("enum", ())}):
            yield f"{where}: the code {', '.join(sorted(gone))} is gone"
        yield from _shape(f"{where}.{field}", before, after)
    if missing := {*old.get("required", ())} - {*new.get("required", ())}:
        yield f"{where}: {', '.join(sorted(missing))} may be missing now"


def _types(schema: Json) -> set[str]:
    if "anyOf" in schema or "oneOf" in schema:
        return {kind for one in schema.get("anyOf") or schema.get("oneOf", ()) for kind in _types(one)}
    if "$ref" in schema:
        return {schema["$ref"]}
    kind = schema.get("type", "any")
    kinds = set(kind) if isinstance(kind, list) else {kind}
    return {f"{one}:{schema['format']}" if "format" in schema else one for one in kinds}
