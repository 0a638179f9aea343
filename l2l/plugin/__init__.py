"""What optimizers, optimizees and launchers share: recorded options, and names that find their code again.

A plugin is rebuilt in workers, on resume and from YAML. All of these copies come from two things that are
recorded before `__init__` runs: a `Reference` to the class and the options as they were given.
"""

from l2l.plugin.annotations import fits
from l2l.plugin.base import Plugin
from l2l.plugin.coercion import coerced, declared
from l2l.plugin.options import Option, check_options, describe_options
from l2l.plugin.plain import from_plain, to_plain
from l2l.plugin.reference import FILE_MODULE, IMPORTED_WITHIN, NOTEBOOK, Reference, module_of_file, prepared

__all__ = [
    "FILE_MODULE",
    "IMPORTED_WITHIN",
    "NOTEBOOK",
    "Option",
    "Plugin",
    "Reference",
    "check_options",
    "coerced",
    "declared",
    "describe_options",
    "fits",
    "from_plain",
    "module_of_file",
    "prepared",
    "to_plain",
]
