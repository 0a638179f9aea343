"""What became of a trial, in a word. Supervisors judge by it too, so that it is a module without NumPy."""

import enum


class Status(enum.IntEnum):
    """What became of a trial."""

    OK = 0
    FAILED = 1
    CRASHED = 2
    TIMEOUT = 3
    OUT_OF_MEMORY = 4
    INVALID = 5
    LOST = 6

    def __str__(self) -> str:
        return self.name

    @property
    def meaning(self) -> str:
        """The status in a sentence."""
        return _MEANINGS[self]


_MEANINGS = {
    Status.OK: "It returned its fitness.",
    Status.FAILED: "It raised an exception.",
    Status.CRASHED: "Its process died.",
    Status.TIMEOUT: "It took longer than its time limit.",
    Status.OUT_OF_MEMORY: "It took more memory than its limit.",
    Status.INVALID: "Its fitness was NaN, infinite or of the wrong shape, or the model declared it invalid.",
    Status.LOST: "Its node, channel or batch-mate was lost, or we shut down; it is never told and costs no attempt.",
}
