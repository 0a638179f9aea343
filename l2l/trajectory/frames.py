"""Tables as pandas data frames."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from l2l.errors import MissingPart
from l2l.schema import Ragged
from l2l.space import ParameterSpace
from l2l.trajectory.table import Table

if TYPE_CHECKING:
    import pandas as pd

_BARE = ("parameters", "fitness", "observables", "best", "optimizer")
_INDEX = {
    "individuals": ["number"],
    "trials": ["individual", "number"],
    "validation": ["individual", "number"],
    "failures": ["individual", "number"],
}


def bare_names(columns: list[str]) -> dict[str, str]:
    """Column → its name without prefix, where no other column has that name."""
    short = {name: name.partition("/")[2] if name.partition("/")[0] in _BARE else name for name in columns}
    often = Counter(short.values())
    return {name: one if often[one] == 1 else name for name, one in short.items()}


def to_pandas(table: Table, space: ParameterSpace) -> "pd.DataFrame":
    """A table as a data frame, with bare names; see `Trajectory.to_pandas`."""
    try:
        import pandas as pd
    except ImportError:
        raise MissingPart("pandas", "pip install 'l2l[tables]'") from None
    names = bare_names(list(table))
    columns = {
        label: values for name in table for label, values in _spread_out(names[name], _labelled(table, name, space))
    }
    frame = pd.DataFrame(columns)
    index = _INDEX.get(table.name)
    return frame.set_index(index) if index else frame


def _labelled(table: Table, name: str, space: ParameterSpace) -> Any:
    choices: tuple[Any, ...] | None = table.choices(name)
    if choices is None:
        return table[name]
    import pandas as pd

    room, _, parameter = name.partition("/")
    if room == "parameters":
        choices = space.parameters[parameter].codes or choices  # as declared: a number is no text
    if None in choices:  # which is no category to pandas
        return np.array([*choices, None], dtype=object)[np.asarray(table[name])]
    return pd.Categorical.from_codes(np.asarray(table[name], dtype=np.int64), pd.Index(choices))


def _spread_out(name: str, values: Any) -> Iterator[tuple[str, Any]]:
    """A column of arrays as one column a component, `name[0]`, `name[1]`, …; ragged ones as one of arrays."""
    if isinstance(values, Ragged):
        entries = np.empty(len(values), dtype=object)
        for row in range(len(values)):
            entries[row] = values[row]
        yield name, entries
    elif isinstance(values, np.ndarray) and values.ndim > 1:
        for place in np.ndindex(values.shape[1:]):
            yield f"{name}[{','.join(map(str, place))}]", values[(slice(None), *place)]
    else:
        yield name, values
