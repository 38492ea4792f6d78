"""Small changes of a module's code, each of which a test should notice."""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

_COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_COMPUTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}


@dataclass(frozen=True)
class Mutant:
    """A module with one change: `line` of the original, `before` and `after` as code, `tree` of the whole."""

    line: int
    before: str
    after: str
    tree: ast.Module


def mutants(source: str) -> Iterator[Mutant]:
    """All changes, in the order of the code. Annotations, docstrings, messages and assertions stay as they are."""
    tree = ast.parse(source)
    for number, node in enumerate(ast.walk(tree)):
        for after in _changes(node):
            changed = copy.deepcopy(tree)
            place = next(one for count, one in enumerate(ast.walk(changed)) if count == number)
            if _is_left_alone(tree, node):
                continue
            before = ast.unparse(node)
            _become(place, after)
            ast.fix_missing_locations(changed)
            yield Mutant(getattr(node, "lineno", 0), before, ast.unparse(after), changed)


def _changes(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        yield ast.Compare(node.left, [_COMPARED[type(node.ops[0])]()], node.comparators)
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.And() if isinstance(node.op, ast.Or) else ast.Or(), node.values)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node.operand
    elif isinstance(node, ast.BinOp) and type(node.op) in _COMPUTED:
        yield ast.BinOp(node.left, _COMPUTED[type(node.op)](), node.right)
    elif isinstance(node, ast.Constant):
        yield from _other_constants(node.value)
    elif isinstance(node, ast.If | ast.IfExp):
        test = ast.UnaryOp(ast.Not(), node.test)
        yield (
            ast.If(test, node.body, node.orelse)
            if isinstance(node, ast.If)
            else ast.IfExp(test, node.body, node.orelse)
        )
    elif isinstance(node, ast.Continue | ast.Break) or _is_call(node) or isinstance(node, ast.AugAssign):
        yield ast.Pass()
    elif isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
        yield ast.Return(ast.Constant(None))


def _other_constants(value: object) -> Iterator[ast.Constant]:
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int):
        yield ast.Constant(value + 1)


def _is_call(node: ast.AST) -> bool:
    """A statement that only calls something, the log aside."""
    if not isinstance(node, ast.Expr):
        return False
    call = node.value.value if isinstance(node.value, ast.Await) else node.value
    return isinstance(call, ast.Call) and not ast.unparse(call.func).startswith("log.")


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _is_left_alone(tree: ast.Module, wanted: ast.AST) -> bool:
    """Inside of what says nothing of the rules: an annotation, an assertion, an exception's message, a log line."""
    for node in ast.walk(tree):
        aside: list[ast.AST | None] = []
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            arguments = node.args
            aside += [one.annotation for one in (*arguments.args, *arguments.kwonlyargs)]
            aside += [node.returns, *node.decorator_list]
        elif isinstance(node, ast.AnnAssign):
            aside.append(node.annotation)
        elif isinstance(node, ast.Assert | ast.Raise | ast.ImportFrom | ast.Import | ast.JoinedStr):
            aside.append(node)
        elif isinstance(node, ast.ClassDef):
            aside += node.decorator_list
        elif isinstance(node, ast.Call) and ast.unparse(node.func).startswith(("log.", "TypeVar")):
            aside.append(node)
        if any(wanted is below for one in aside if one is not None for below in ast.walk(one)):
            return True
    return False


def _become(node: ast.AST, other: ast.AST) -> None:
    """Make a node of a tree another one, in its place."""
    node.__class__ = type(other)
    kept = {name: getattr(node, name) for name in ("lineno", "col_offset") if hasattr(node, name)}
    node.__dict__.clear()
    node.__dict__.update({**kept, **copy.deepcopy(other).__dict__})
