"""Conditions and constraints: a small language over the parameters of a space, parsed and never `eval`ed.

Comparisons (also chained), `in` and `not in` with literal collections, `and`, `or`, `not`, names (dotted where the
parameter's is), literals, and `+ - * /` on numbers. Truth has three values, because an inactive parameter has no value:
what is compared with it is undecided, `and`, `or` and `not` go on as in Kleene's logic, and what stays undecided in the
end neither activates a parameter nor violates a constraint.
"""

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2l.errors import SpaceError, near
from l2l.space.parameter import Parameter

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Column:
    """One scalar parameter over n points.

    Args:
        values: (n,) numbers, or places among the parameter's choices.
        active: (n,) whether the parameter has a value there; None: everywhere.
    """

    values: NDArray[Any]
    active: Mask | None = None


Columns = Mapping[str, Column]
Truth = Callable[[Columns], tuple[Any, Any]]
"""Columns → where it is surely true, where it is surely false; masks that broadcast to (n,)."""


@dataclass(frozen=True)
class _Term:
    """A value: numbers, or codes into `choices`; with a mask of where it is known (True: everywhere)."""

    evaluate: Callable[[Columns], tuple[Any, Any]]
    text: str
    choices: tuple[Any, ...] | None = None

    def numbers(self) -> Callable[[Columns], tuple[Any, Any]] | None:
        """The same as numbers, or None where a choice is none."""
        if self.choices is None:
            return self.evaluate
        if any(isinstance(choice, bool) or not isinstance(choice, int | float) for choice in self.choices):
            return None
        table, evaluate = np.array(self.choices, dtype=np.float64), self.evaluate

        def looked_up(columns: Columns) -> tuple[Any, Any]:
            codes, known = evaluate(columns)
            return table[codes], known

        return looked_up


class Condition:
    """A parsed condition.

    Args:
        text: As the user wrote it.
        parameters: The parameters that it may name.

    Raises:
        SpaceError: It cannot be read, names what is no parameter or a vector, or compares what cannot be compared.

    Example:
        >>> from l2l.space import Fixed
        >>> Condition("x > 0", {"x": Fixed(1.0)}).names
        ('x',)
    """

    def __init__(self, text: str, parameters: Mapping[str, Parameter]) -> None:
        if not isinstance(text, str):
            raise SpaceError(f"expected text such as 'tau_syn < tau_m', got {text!r}")
        self.text = text
        compiler = _Compiler(parameters)
        try:
            self._truth = compiler.truth(ast.parse(text.strip(), mode="eval").body)
        except SyntaxError as error:
            raise SpaceError(f"{text!r} cannot be read: {error.msg}; write it as in 'tau_syn < tau_m'") from None
        except (ValueError, OverflowError, RecursionError, MemoryError) as error:
            if isinstance(error, SpaceError):
                raise SpaceError(f"{text!r}: {error}") from None
            raise SpaceError(f"{text[:80]!r} cannot be read: {error}") from None
        self.names = tuple(compiler.names)

    def __call__(self, columns: Columns, n: int) -> tuple[Mask, Mask]:
        """Where the condition is surely true, and where it is surely false; (n,) each.

        Args:
            columns: At least those of `names`.
            n: The number of points.
        """
        with np.errstate(all="ignore"):  # a division by zero compares as nan or infinity
            true, false = self._truth(columns)
        return np.broadcast_to(true, (n,)), np.broadcast_to(false, (n,))


def in_order(conditions: dict[str, Condition]) -> dict[str, Condition]:
    """Sort conditions, each by the parameter that it belongs to, behind those of the parameters that they name.

    Raises:
        SpaceError: They go in a circle.
    """
    ordered: dict[str, Condition] = {}

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            circle = " → ".join((*path[path.index(name) :], name))
            raise SpaceError(f"parameter {name!r}: when: conditions go in a circle: {circle}")
        if name in conditions and name not in ordered:
            for other in conditions[name].names:
                visit(other, (*path, name))
            ordered[name] = conditions[name]

    for name in conditions:
        visit(name, ())
    return ordered


_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.true_divide,
}
_MISSPELT = {"true": "True", "false": "False", "null": "None", "none": "None"}


class _Compiler:
    def __init__(self, parameters: Mapping[str, Parameter]) -> None:
        self.parameters = parameters
        self.names: dict[str, None] = {}

    def truth(self, node: ast.expr) -> Truth:
        match node:
            case ast.BoolOp(op=op, values=values):
                return _junction([self.truth(value) for value in values], all_of=isinstance(op, ast.And))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return _negation(self.truth(operand))
            case ast.Compare(left=left, ops=ops, comparators=comparators):
                sides = [left, *comparators]
                links = [self.link(sides[i], op, sides[i + 1]) for i, op in enumerate(ops)]
                return links[0] if len(links) == 1 else _junction(links, all_of=True)
            case ast.Constant(value=bool(value)):
                return lambda _: (np.bool_(value), np.bool_(not value))
            case ast.Name() | ast.Attribute():
                term = self.value(node)
                if term.choices is not None and all(isinstance(choice, bool) for choice in term.choices):
                    return _tabled(operator.eq, term, _constant(True, "True"))
        raise SpaceError(f"expected a comparison, got {ast.unparse(node)!r}")

    def link(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> Truth:
        if isinstance(op, ast.In | ast.NotIn):
            if not isinstance(right, ast.Tuple | ast.List | ast.Set):
                raise SpaceError(f"in: expected a list of values such as ['a', 'b'], got {ast.unparse(right)!r}")
            term = self.value(left)
            found = _junction([_compared(operator.eq, term, self.value(item)) for item in right.elts], all_of=False)
            return found if isinstance(op, ast.In) else _negation(found)
        if type(op) not in _COMPARISONS:
            raise SpaceError("is: compare values with == and !=")
        return _compared(_COMPARISONS[type(op)], self.value(left), self.value(right))

    def value(self, node: ast.expr) -> _Term:
        match node:
            case ast.Constant(value=constant) if constant is None or isinstance(constant, bool | int | float | str):
                return _constant(constant, repr(constant))
            case ast.Name() | ast.Attribute():
                return self.parameter(ast.unparse(node))
            case ast.Tuple() | ast.List():
                try:
                    return _constant(_tuples(ast.literal_eval(node)), ast.unparse(node))
                except ValueError:
                    pass
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=ast.Constant(value=int() | float() as number)):
                return _constant(-number if isinstance(sign, ast.USub) else number, ast.unparse(node))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self.arithmetic(np.subtract, _constant(0, "0"), self.value(operand), node)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                return self.arithmetic(_ARITHMETIC[type(op)], self.value(left), self.value(right), node)
        raise SpaceError(
            f"{ast.unparse(node)!r} is not part of conditions: they know comparisons, in, and, or, not, names, "
            "literals and + - * /"
        )

    def arithmetic(self, apply: Callable[[Any, Any], Any], left: _Term, right: _Term, node: ast.expr) -> _Term:
        first, second = left.numbers(), right.numbers()
        if first is None or second is None:
            raise SpaceError(f"{ast.unparse(node)!r} calculates with what is no number")

        def evaluate(columns: Columns) -> tuple[Any, Any]:
            (a, known_a), (b, known_b) = first(columns), second(columns)
            return apply(a, b), known_a & known_b

        return _Term(evaluate, ast.unparse(node))

    def parameter(self, name: str) -> _Term:
        if name not in self.parameters:
            hint = f"; the literal is written {_MISSPELT[name]}" if name in _MISSPELT else ""
            raise SpaceError(near(name, self.parameters, "parameter") + hint)
        parameter = self.parameters[name]
        if parameter.shape:
            raise SpaceError(f"{name!r} is an array of shape {parameter.shape}; conditions are over scalars")
        self.names[name] = None
        choices = parameter.codes

        def evaluate(columns: Columns) -> tuple[Any, Any]:
            column = columns[name]
            values = column.values if choices is not None else column.values.astype(np.float64)
            return values, np.bool_(True) if column.active is None else column.active

        return _Term(evaluate, name, choices)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list | tuple) else value


def _constant(value: Any, text: str) -> _Term:
    return _Term(lambda _: (np.int64(0), np.bool_(True)), text, (value,))


def _compared(compare: Callable[[Any, Any], Any], left: _Term, right: _Term) -> Truth:
    if left.choices is not None and right.choices is not None:
        return _tabled(compare, left, right)
    first, second = left.numbers(), right.numbers()
    if first is None or second is None:
        raise SpaceError(f"{left.text} and {right.text} cannot be compared: one is a number and the other is not")

    def truth(columns: Columns) -> tuple[Any, Any]:
        (a, known_a), (b, known_b) = first(columns), second(columns)
        known, holds = known_a & known_b, compare(a, b)
        return holds & known, ~holds & known

    return truth


def _tabled(compare: Callable[[Any, Any], Any], left: _Term, right: _Term) -> Truth:
    try:
        table = np.array([[bool(compare(a, b)) for b in right.choices or ()] for a in left.choices or ()])
    except TypeError:
        raise SpaceError(f"{left.text} and {right.text} have no order") from None

    def truth(columns: Columns) -> tuple[Any, Any]:
        (a, known_a), (b, known_b) = left.evaluate(columns), right.evaluate(columns)
        known, holds = known_a & known_b, table[a, b]
        return holds & known, ~holds & known

    return truth


def _negation(inner: Truth) -> Truth:
    def truth(columns: Columns) -> tuple[Any, Any]:
        true, false = inner(columns)
        return false, true

    return truth


def _junction(parts: list[Truth], all_of: bool) -> Truth:
    def truth(columns: Columns) -> tuple[Any, Any]:
        every: Any = np.bool_(True)
        some: Any = np.bool_(False)
        for part in parts:
            true, false = part(columns)
            every = every & (true if all_of else false)
            some = some | (false if all_of else true)
        return (every, some) if all_of else (some, every)

    return truth
