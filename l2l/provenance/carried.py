"""Optimizees that other processes cannot find, sent by value: from a notebook, a prompt, or within a function.

What is sent is a pickle of their code. It travels from the leader to its own workers alone, over channels on which both
sides have proved themselves, and is never written to a file or read from one.
"""

import contextlib
import io
import linecache
import pickle
import sys
from collections.abc import Iterator
from typing import Any

from l2l.errors import OptionError
from l2l.optimizee import FunctionOptimizee, Optimizee, optimizee
from l2l.plugin import FILE_MODULE
from l2l.provenance.modules import cells

_DECLARED = ("space", "objectives", "observables", "stochastic", "revision", "depends_on")


def carried(model: Optimizee) -> bytes:
    """An optimizee by value; `landed` builds it elsewhere.

    Raises:
        OptionError: It holds what cannot be sent, such as an open file.
    """
    if isinstance(model, FunctionOptimizee):
        content: Any = (model.function, {name: getattr(model, name) for name in _DECLARED})
    else:
        content = (type(model), dict(model.options))
    texts = {name: "".join(linecache.getlines(name)) for name in cells()}
    try:
        with _files_by_value():
            return _dumped((*content, texts))
    except Exception as error:
        text = " ".join(str(error).split()) or type(error).__name__
        raise OptionError(f"it cannot be sent to other processes by value: {text}") from error


def _dumped(content: Any) -> bytes:
    import cloudpickle

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
        def reducer_override(self, thing: Any) -> Any:
            if isinstance(thing, io.IOBase):  # else it would go as the text that is left in it
                raise pickle.PicklingError("it holds an open file")
            return super().reducer_override(thing)

    out = io.BytesIO()
    Pickler(out, protocol=5).dump(content)
    return out.getvalue()


def landed(sent: bytes) -> Optimizee:
    """The optimizee that `carried` sent.

    Args:
        sent: From this process's own leader.
    """
    code, given, texts = pickle.loads(sent)  # noqa: S301 - from our own leader, which proved itself
    for name, text in texts.items():  # so that tracebacks and fingerprints find the text
        linecache.cache.setdefault(name, (len(text), None, text.splitlines(keepends=True), name))
    if isinstance(code, type):
        built: Optimizee = code(**given)
        return built
    return optimizee(**given)(code)


@contextlib.contextmanager
def _files_by_value() -> Iterator[None]:
    """Let functions of modules that were loaded from a file go by value: nobody can import these by name."""
    import cloudpickle

    loaded = [module for name, module in sys.modules.items() if name.startswith(FILE_MODULE)]
    for module in loaded:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in loaded:
            cloudpickle.unregister_pickle_by_value(module)
