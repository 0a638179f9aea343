"""Values that can be told from a source without running it."""

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from l2l.provenance.modules import Place
from l2l.provenance.syntax import uses_of

_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def literals_of(statements: Sequence[ast.stmt]) -> dict[str, Any]:
    """Name → value of the names that statements bind once, to a literal."""
    found: dict[str, Any] = {}
    several: set[str] = set()
    for statement in statements:
        targets: list[ast.expr] = []
        if isinstance(statement, ast.Assign):
            targets = statement.targets
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            targets = [statement.target]
        names = [one.id for one in targets if isinstance(one, ast.Name)]
        if not names:
            uses = uses_of([statement], module=True)
            several |= {chain[0] for chain in uses.changed | uses.called}
        for name in names:
            if name in found:
                several.add(name)
            try:
                found[name] = ast.literal_eval(statement.value)  # type: ignore[attr-defined]
            except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
                several.add(name)
    return {name: value for name, value in found.items() if name not in several}


def computed(name: str, bindings: Mapping[str, Sequence[ast.stmt]], place: Place) -> Any:
    """The number that a name is bound to once, computed from numbers and such names; None of anything else."""
    statements = bindings.get(name, [])
    if len(statements) != 1 or not isinstance(statements[0], ast.Assign | ast.AnnAssign):
        return None
    simple = all(isinstance(one, ast.Name) for one in getattr(statements[0], "targets", []))
    value = statements[0].value
    if not simple or not isinstance(value, ast.BinOp | ast.UnaryOp | ast.Name):
        return None

    def of(node: ast.AST) -> Any:
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            return node.value
        if isinstance(node, ast.Name) and len(bindings.get(node.id, [])) == 1:
            known = place.names.get(node.id)
            return known if type(known) in (int, float) else None
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return None if (one := of(node.operand)) is None else -one
        if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
            left, right = of(node.left), of(node.right)
            return None if left is None or right is None else _ARITHMETIC[type(node.op)](left, right)
        return None

    try:
        return of(value)
    except ArithmeticError:
        return None
