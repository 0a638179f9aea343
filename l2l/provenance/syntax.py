"""Source text compared by meaning, and the names that a piece of code uses.

Two texts mean the same where their syntax trees do, once comments, layout, docstrings, statements without effect and
annotations that nothing reads are left out. Only fields that every supported version of Python has count, so that a run
can be resumed under another one.
"""

import ast
import dis
import json
import re
import textwrap
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_SKIPPED = {"ctx", "kind", "type_comment", "type_ignores", "type_params", "lineno", "col_offset"}
_READ_NO_ANNOTATIONS = {
    "staticmethod", "classmethod", "property", "setter", "getter", "deleter", "optimizee", "override", "abstractmethod",
    "cache", "lru_cache", "wraps", "cached_property", "njit", "jit", "contextmanager",
}  # fmt: skip
_CHANGING = {
    "append", "extend", "insert", "remove", "pop", "popitem", "clear", "sort", "reverse", "update", "setdefault", "add",
    "discard", "appendleft", "popleft", "extendleft", "rotate", "fill",
}  # fmt: skip
"""Methods that change the list, dict, set, deque or array that they are called on."""


# --- meaning -------------------------------------------------------------------------------------------------------


def meaning(node: Any, *, inside: bool = False) -> Any:
    """A syntax tree as plain data, without what changes nothing.

    Args:
        node: A node, a list of nodes, or a constant.
        inside: Whether it stands within a function, where annotations of variables are never evaluated.
    """
    if isinstance(node, list):
        return [meaning(one, inside=inside) for one in node if not _is_idle(one)]
    if not isinstance(node, ast.AST):
        return _constant(node)
    if isinstance(node, ast.AnnAssign) and inside:
        if node.value is None:
            return ["Pass"]
        return ["Assign", [meaning(node.target)], meaning(node.value, inside=True)]
    if isinstance(node, ast.JoinedStr):
        return ["JoinedStr", _merged([meaning(one, inside=inside) for one in node.values])]
    function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    skipped = _SKIPPED | (
        {"returns"} if function and not _reads_annotations(node) else set()  # type: ignore[arg-type]
    )
    found: list[Any] = [type(node).__name__]
    for name in node._fields:
        if name in skipped:
            continue
        value = getattr(node, name, None)
        if function and name == "decorator_list":
            value = [one for one in value or () if _last_name(one) != "optimizee"]
        if function and name == "args":
            said = _arguments(value, annotated=_reads_annotations(node))  # type: ignore[arg-type]
        else:
            said = meaning(value, inside=inside or function) if value is not None else None
        if said not in (None, []):
            found.append([name, said])
    return found


def _is_idle(node: Any) -> bool:
    """Whether a statement does nothing: `pass`, a docstring or another constant on a line of its own."""
    return isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def _constant(value: Any) -> Any:
    if isinstance(value, tuple):
        return ["tuple", *map(_constant, value)]
    if isinstance(value, frozenset):
        return ["frozenset", *sorted(json.dumps(_constant(one)) for one in value)]
    return [type(value).__name__, repr(value)] if not isinstance(value, str) else value


def _merged(values: list[Any]) -> list[Any]:
    """Neighbouring texts of an f-string as one, which versions of Python split differently."""
    found: list[Any] = []
    for one in values:
        text = one[0] == "Constant" and isinstance(one[1][1], str)
        if text and found and found[-1][0] == "Constant":
            found[-1] = ["Constant", ["value", found[-1][1][1] + one[1][1]]]
        else:
            found.append(one)
    return found


def _arguments(node: ast.arguments, *, annotated: bool) -> Any:
    def one(argument: ast.arg | None) -> Any:
        if argument is None:
            return None
        kept = meaning(argument.annotation) if annotated and argument.annotation else None
        return [argument.arg, kept] if kept else argument.arg

    said = {
        "before": [one(each) for each in node.posonlyargs],
        "args": [one(each) for each in node.args],
        "star": one(node.vararg),
        "named": [one(each) for each in node.kwonlyargs],
        "stars": one(node.kwarg),
        "defaults": [meaning(each) for each in node.defaults],
        "of named": [meaning(each) if each else None for each in node.kw_defaults],
    }
    return {name: value for name, value in said.items() if value not in (None, [])}


def _reads_annotations(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a decorator may read the annotations, as `singledispatch` does."""
    return any(_last_name(one) not in _READ_NO_ANNOTATIONS for one in node.decorator_list)


def _last_name(node: ast.expr) -> str:
    """`f` of `f`, `module.f` and `module.f(…)`."""
    if isinstance(node, ast.Call):
        node = node.func
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


# --- definitions in a text -----------------------------------------------------------------------------------------


class Definition(NamedTuple):
    """A function, lambda or class in a text.

    Args:
        node: Its syntax tree.
        code: What it is compiled to.
    """

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef
    code: types.CodeType | None


@dataclass(frozen=True)
class Text:
    """A source text that can be read as Python.

    Args:
        text: All of it.
        tree: Its syntax tree.
        definitions: Qualified name → all definitions of that name, in order.
    """

    text: str
    tree: ast.Module
    definitions: dict[str, list[Definition]] = field(default_factory=dict)

    def segment(self, node: ast.AST) -> str:
        """The lines of a definition or statement with its decorators, or the piece of a line that a lambda is."""
        if isinstance(node, ast.expr):
            return ast.get_source_segment(self.text, node) or ast.unparse(node)
        decorators = getattr(node, "decorator_list", [])
        first = min([node.lineno, *(one.lineno for one in decorators)])  # type: ignore[attr-defined]
        # Other characters at which splitlines() splits end no line for Python's parser.
        lines = self.text.split("\n")[first - 1 : node.end_lineno]  # type: ignore[attr-defined]
        return textwrap.dedent("\n".join(lines)) + "\n"


@lru_cache(maxsize=256)
def read(text: str) -> Text | None:
    """A text with its definitions; None where it is no Python."""
    try:
        tree = ast.parse(text)
        code = compile(tree, "<source>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return None
    nodes: dict[str, list[Any]] = {}
    _collect(tree, "", nodes)
    codes: dict[tuple[str, int], list[types.CodeType]] = {}
    for one in _codes(code):
        codes.setdefault((one.co_qualname, one.co_firstlineno), []).append(one)
    found: dict[str, list[Definition]] = {}
    for name, several in nodes.items():
        for node in several:
            first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))])
            compiled = codes.get((name, first))
            found.setdefault(name, []).append(Definition(node, compiled.pop(0) if compiled else None))
    return Text(text, tree, found)


def _collect(node: ast.AST, prefix: str, found: dict[str, list[Any]]) -> None:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function | ast.ClassDef):
            name = prefix + getattr(child, "name", "<lambda>")
            found.setdefault(name, []).append(child)
            inner = f"{name}." if isinstance(child, ast.ClassDef) else f"{name}.<locals>."
            _collect(child, inner, found)
        else:
            _collect(child, prefix, found)


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    for one in code.co_consts:
        if isinstance(one, types.CodeType):
            yield one
            yield from _codes(one)


# --- code objects --------------------------------------------------------------------------------------------------


def same_code(one: types.CodeType, other: types.CodeType) -> bool:
    """Whether two code objects do the same, wherever they stand and whatever their docstrings say."""
    return instructions(one) == instructions(other)


@lru_cache(maxsize=4096)
def instructions(code: types.CodeType) -> str:
    """What a code object does, as text that depends on the version of Python."""
    said: list[Any] = [code.co_argcount, code.co_kwonlyargcount, code.co_flags & 0x0C]
    for one in dis.get_instructions(code):
        if one.opname in ("RESUME", "CACHE", "NOP"):
            continue
        value = one.argval
        if isinstance(value, types.CodeType):
            value = instructions(value)
        said.append([one.opname, _constant(value)])
    return json.dumps(said, default=repr)


def global_names(code: types.CodeType) -> list[str]:
    """The global names that a code object and those within it use."""
    found = [one.argval for one in dis.get_instructions(code) if one.opname in ("LOAD_GLOBAL", "LOAD_NAME")]
    for inner in _codes(code):
        found += [one.argval for one in dis.get_instructions(inner) if one.opname in ("LOAD_GLOBAL", "LOAD_NAME")]
    return list(dict.fromkeys(found))


# --- names that a piece of code uses -------------------------------------------------------------------------------


class Import(NamedTuple):
    """A module that is imported within a function.

    Args:
        module: Its dotted name, "" for `from . import name`.
        level: How many dots stand before it.
        name: That is taken from it; "*" for all; "" for the module itself.
        chain: What is used of it, as in `("helpers", "f")` for `helpers.f`.
    """

    module: str
    level: int
    name: str
    chain: tuple[str, ...] = ()


@dataclass
class Uses:
    """What a piece of code names that it does not define itself.

    Args:
        chains: Dotted names that it reads, as `("np", "linalg", "norm")`, in order.
        imports: Modules that it imports while it runs.
        changed: Dotted names that it assigns or changes: state of the model, no constant.
        called: Dotted names of what changes when it is a list, dict, set or array, by a method that is called.
        unknown: What cannot be followed, in words.
    """

    chains: dict[tuple[str, ...], None] = field(default_factory=dict)
    imports: dict[Import, None] = field(default_factory=dict)
    changed: set[tuple[str, ...]] = field(default_factory=set)
    called: set[tuple[str, ...]] = field(default_factory=set)
    unknown: dict[str, None] = field(default_factory=dict)


def uses_of(nodes: Sequence[ast.AST], *, module: bool = False) -> Uses:
    """The names that statements, a function or an expression use.

    Args:
        nodes: The syntax trees.
        module: Whether they stand at the top level of a module, whose own names are global.
    """
    visitor = _Names(module=module)
    for node in nodes:
        visitor.visit(node)
    return visitor.uses


class _Names(ast.NodeVisitor):
    def __init__(self, *, module: bool) -> None:
        self.uses = Uses()
        self._scopes: list[dict[str, Import | None]] = [] if module else [{}]
        self._globals: list[set[str]] = [set()]

    def _bound(self, name: str) -> tuple[bool, Import | None]:
        """Whether a name is bound in a function around, and by which import."""
        if name in self._globals[-1]:
            return False, None
        for scope in reversed(self._scopes):
            if name in scope:
                return True, scope[name]
        return False, None

    def _function(self, node: Function) -> None:
        for one in getattr(node, "decorator_list", []):
            if _last_name(one) != "optimizee":
                self.visit(one)
        for one in [*node.args.defaults, *(each for each in node.args.kw_defaults if each)]:
            self.visit(one)
        scope: dict[str, Import | None] = {one.arg: None for one in _all_arguments(node.args)}
        body: list[Any] = node.body if isinstance(node.body, list) else [node.body]
        outside: set[str] = set()
        for statement in body:
            _bindings(statement, scope, outside)
        for name in outside:
            scope.pop(name, None)
        self._scopes.append(scope)
        self._globals.append({name for name in outside if not any(name in one for one in self._scopes[:-1])})
        for statement in body:
            self.visit(statement)
        self._scopes.pop()
        self._globals.pop()

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = _function  # noqa: N815 - as ast has it

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for one in [*node.decorator_list, *node.bases, *(each.value for each in node.keywords)]:
            self.visit(one)
        # What a class body binds is no name for its methods: they see what stands around the class.
        scope: dict[str, Import | None] = {}
        outside: set[str] = set()
        for statement in node.body:
            _bindings(statement, scope, outside)
        for statement in node.body:
            if isinstance(statement, Function):
                self.visit(statement)
                continue
            self._scopes.append(scope)
            self.visit(statement)
            self._scopes.pop()

    def _comprehension(self, node: Any) -> None:
        scope: dict[str, Import | None] = {}
        for one in node.generators:
            _bindings(one.target, scope, set())
        first = node.generators[0]
        self.visit(first.iter)
        self._scopes.append(scope)
        for number, one in enumerate(node.generators):
            for each in [*([one.iter] if number else []), *one.ifs]:
                self.visit(each)
        for each in (getattr(node, name, None) for name in ("elt", "key", "value")):
            if each is not None:
                self.visit(each)
        self._scopes.pop()

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension  # noqa: N815

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.target)
        if node.value is not None:
            self.visit(node.value)

    def visit_If(self, node: ast.If) -> None:
        if _last_name(node.test) != "TYPE_CHECKING":
            self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        for one in node.names:
            self.uses.imports.setdefault(Import(one.name, 0, ""))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for one in node.names:
            self.uses.imports.setdefault(Import(node.module or "", node.level, one.name))

    def visit_Name(self, node: ast.Name) -> None:
        self._use((node.id,), node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        chain = _chain(node)
        if chain is None:
            self.visit(node.value)
        else:
            self._use(chain, node)

    def _use(self, chain: tuple[str, ...], node: ast.Name | ast.Attribute) -> None:
        bound, imported = self._bound(chain[0])
        if imported is not None:
            self.uses.imports[imported._replace(chain=chain)] = None
        if bound:
            return
        if isinstance(node.ctx, ast.Load):
            self.uses.chains.setdefault(chain)
        else:
            self._change(chain)

    def _change(self, chain: tuple[str, ...]) -> None:
        """Note a change of something outside; at the top level of a module it is what makes its constants."""
        if not self._bound(chain[0])[0]:
            self.uses.changed.add(chain)
            self.uses.chains.setdefault(chain)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if not isinstance(node.ctx, ast.Load) and (chain := _chain(node.value)):
            self._change(chain)
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if chain := _chain(node.target):
            self._change(chain)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        chain = _chain(node.func)
        if chain and not self._bound(chain[0])[0]:
            if len(chain) > 1 and chain[-1] in _CHANGING:
                self.uses.called.add(chain[:-1])
            self._dynamic(chain[-1], chain, node)
        self.generic_visit(node)

    def _dynamic(self, name: str, chain: tuple[str, ...], node: ast.Call) -> None:
        """Note what is only known when it runs."""
        first = node.args[0] if node.args else None
        if name in ("__import__", "import_module"):
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                text = first.value
                self.uses.imports.setdefault(Import(text.lstrip("."), len(text) - len(text.lstrip(".")), ""))
            else:
                self.uses.unknown.setdefault(f"{ast.unparse(node)}: a module whose name is computed")
        elif len(chain) == 1 and name in ("exec", "eval", "compile"):
            self.uses.unknown.setdefault(f"{name}(…): code that is made while it runs")
        elif name == "__subclasses__":
            self.uses.unknown.setdefault(f"{ast.unparse(node)}: classes that are looked for while it runs")
        elif len(chain) == 1 and name in ("globals", "locals") and not node.args:
            self.uses.unknown.setdefault(f"{name}(): names that are computed")
        elif len(chain) == 1 and name == "getattr" and len(node.args) > 1:
            owner = _chain(node.args[0])
            fixed = isinstance(node.args[1], ast.Constant)
            if not fixed and owner and not self._bound(owner[0])[0]:
                self.uses.unknown.setdefault(f"{ast.unparse(node)}: a name that is computed")


def _chain(node: ast.AST) -> tuple[str, ...] | None:
    """`("a", "b")` of `a.b`; None of anything else than a dotted name."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    return (node.id, *reversed(names))


def _all_arguments(node: ast.arguments) -> list[ast.arg]:
    starred = [one for one in (node.vararg, node.kwarg) if one]
    return [*node.posonlyargs, *node.args, *node.kwonlyargs, *starred]


def _bindings(node: ast.AST, scope: dict[str, Import | None], outside: set[str]) -> None:
    """Enter the names that a statement binds in its function, and those that it declares to be of outside."""
    if isinstance(node, ast.Global | ast.Nonlocal):
        outside.update(node.names)
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        scope[node.name] = None
    elif isinstance(node, ast.Import | ast.ImportFrom):
        _enter_imports(node, scope)
    elif isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
        for walrus in ast.walk(node):
            if isinstance(walrus, ast.NamedExpr):
                scope.setdefault(walrus.target.id, None)
    elif not isinstance(node, ast.Lambda):
        if name := _bound_name(node):
            scope.setdefault(name, None)
        for child in ast.iter_child_nodes(node):
            _bindings(child, scope, outside)


def _bound_name(node: ast.AST) -> str | None:
    """The name that a node binds itself."""
    if isinstance(node, ast.Name):
        return None if isinstance(node.ctx, ast.Load) else node.id
    if isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar):
        return node.name
    return node.rest if isinstance(node, ast.MatchMapping) else None


def _enter_imports(node: ast.Import | ast.ImportFrom, scope: dict[str, Import | None]) -> None:
    for one in node.names:
        if isinstance(node, ast.Import):
            first = one.name.partition(".")[0]
            scope[one.asname or first] = Import(one.name if one.asname else first, 0, "")
        elif one.name != "*":
            scope[one.asname or one.name] = Import(node.module or "", node.level, one.name)


def bindings_at_top(tree: ast.Module) -> dict[str, list[ast.stmt]]:
    """Name → the statements at the top level of a module that bind or change it, but for `__main__`'s."""
    found: dict[str, list[ast.stmt]] = {}
    for statement in tree.body:
        if is_main_guard(statement):
            continue
        scope: dict[str, Import | None] = {}
        _bindings(statement, scope, set())
        names = dict.fromkeys(scope)
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            uses = uses_of([statement], module=True)
            names |= dict.fromkeys(chain[0] for chain in uses.changed | uses.called)
        for name in names:
            found.setdefault(name, []).append(statement)
    return found


def bound_by(statement: ast.stmt) -> set[str]:
    """The names that a statement binds."""
    scope: dict[str, Import | None] = {}
    _bindings(statement, scope, set())
    return set(scope)


SETTING = {"decimal", "locale", "os", "random"}
"""Modules of Python itself in which a statement may set what a model computes with."""
_OUTPUT = re.compile(
    "save|print|set_print|show|plot|write|dump|log|to_|close|figure|assert|test|mkdir|makedirs|chdir|remove|unlink|"
    "rename|system|path|set_verbosity|exit|_exit|kill|nice|umask"
)
"""What the names begin with of functions that show or keep something, and set nothing."""


def settings_at_top(tree: ast.Module, counts: Callable[[str], bool]) -> list[ast.stmt]:
    """The statements at the top level of a module that set something in other modules.

    Args:
        tree: Of the module.
        counts: Whether something that is set in a module, by its dotted name, counts.
    """
    origins: dict[str, str] = {}
    for statement in ast.walk(tree):
        if isinstance(statement, ast.Import):
            origins |= {one.asname or one.name.partition(".")[0]: one.name for one in statement.names}
        elif isinstance(statement, ast.ImportFrom) and not statement.level:
            origins |= {one.asname or one.name: statement.module or "" for one in statement.names}
    found = []
    for statement in tree.body:
        if not isinstance(statement, Function | ast.ClassDef) and not is_main_guard(statement):
            roots = {root for each in _statements_in(statement) for root in _set_by(each)}
            if any(root in origins and counts(origins[root]) for root in roots):
                found.append(statement)
    return found


def _statements_in(node: ast.AST) -> Iterator[ast.stmt]:
    """A statement and those within it, but for what runs later."""
    if isinstance(node, ast.stmt):
        yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case) and not isinstance(
            child, Function | ast.ClassDef
        ):
            yield from _statements_in(child)


def _set_by(statement: ast.stmt) -> Iterator[str]:
    """The first names of what a statement changes: `np` of `np.seterr(…)`, `h` of `h.celsius = 34.0`."""
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        called = statement.value.func
        if not _OUTPUT.match(_last_name(called) or ""):
            targets = [called]
    elif isinstance(statement, ast.Assign | ast.Delete):
        targets = [one for one in statement.targets if not isinstance(one, ast.Name)]
    elif isinstance(statement, ast.AugAssign | ast.AnnAssign) and not isinstance(statement.target, ast.Name):
        targets = [statement.target]
    for target in targets:
        node: ast.AST = target
        while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
            node = node.func if isinstance(node, ast.Call) else node.value
        if isinstance(node, ast.Name):
            yield node.id


def is_main_guard(statement: ast.stmt) -> bool:
    """Whether it is `if __name__ == "__main__":`."""
    if not isinstance(statement, ast.If) or not isinstance(statement.test, ast.Compare):
        return False
    sides = [statement.test.left, *statement.test.comparators]
    return any(isinstance(one, ast.Name) and one.id == "__name__" for one in sides)
