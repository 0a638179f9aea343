"""The seeds of trials: 128 bits each, from the experiment's root seed and what the trial is.

They are those of `numpy.random.SeedSequence` over ten 32-bit words: the root seed (four), the mode, the trial's
number, and by mode the individual's content (four), the number of the generation (and three zeros), or zeros. Here
the sequence is computed for a whole generation at once.
"""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from l2l.errors import OptionError
from l2l.quantities import whole_number

Seeding = Literal["individual", "common", "generation"]
MODES: tuple[Seeding, ...] = get_args(Seeding)

Words = NDArray[np.uint32]

_MANY = 48
"""Rows from which hashing them side by side is quicker than one by one."""


def check_root(seed: object) -> int:
    """The root seed, if it is one.

    Raises:
        OptionError: It is no whole number in 0 … 2**128 - 1.
    """
    number = None if isinstance(seed, float) else whole_number(seed)
    if number is None or not 0 <= number < 2**128:
        raise OptionError(f"seed: expected a whole number from 0 to 2**128 - 1, got {seed!r}")
    return number


def entropies(
    root: int, mode: Seeding, keys: Sequence[bytes], numbers: NDArray[np.integer], generation: int = 0
) -> Words:
    """The entropy of each trial.

    Args:
        root: The experiment's seed.
        mode: What a seed depends on besides the root and the trial's number.
        keys: (n,) 16 bytes that name each individual's content.
        numbers: (n,) of the trials.
        generation: Number of the generation.

    Returns:
        (n, 4) words, least significant first.
    """
    words = np.zeros((len(numbers), 10), dtype=np.uint32)
    words[:, :4] = as_words(root)
    words[:, 4] = MODES.index(mode)
    words[:, 5] = numbers
    if mode == "individual":
        words[:, 6:] = np.frombuffer(b"".join(keys), dtype="<u4").reshape(-1, 4)
    elif mode == "generation":
        words[:, 6] = generation
    if 0 < len(words) < _MANY:
        return np.stack([np.random.SeedSequence(row).generate_state(4) for row in words])
    return seed_sequence(words)


def as_words(entropy: int) -> Words:
    """128 bits as four words, least significant first."""
    return np.frombuffer(entropy.to_bytes(16, "little"), dtype="<u4").astype(np.uint32)


def as_ints(words: Words) -> list[int]:
    """(n, 4) words as n ints of 128 bits."""
    raw = np.ascontiguousarray(words, dtype="<u4").tobytes()
    return [int.from_bytes(raw[start : start + 16], "little") for start in range(0, len(raw), 16)]


def seed_sequence(entropy: Words) -> Words:
    """`SeedSequence(row).generate_state(4)` for each row of (n, k ≥ 4) words.

    The hash is M. E. O'Neill's seed_seq alternative (2015), as NumPy documents it; its constants advance without
    regard to the data, so that rows can be hashed side by side.
    """
    rows = entropy.T.astype(np.uint32)
    constants = _Constants(0x43B0D7E5, 0x931E8875)
    pool = _hashed(rows[:4], constants)
    for source in range(4):
        targets = [target for target in range(4) if target != source]
        # the source stays as it is meanwhile, so that its three hashes can be made together
        pool[targets] = _mixed(pool[targets], _hashed(np.broadcast_to(pool[source], (3, rows.shape[1])), constants))
    for row in rows[4:]:
        pool = _mixed(pool, _hashed(np.broadcast_to(row, (4, rows.shape[1])), constants))
    return np.ascontiguousarray(_hashed(pool, _Constants(0x8B51F9DD, 0x58F38DED)).T)


def _hashed(values: Words, constants: "_Constants") -> Words:
    """(k, n) words, those of each row hashed with the next constant."""
    multipliers = constants.take(len(values) + 1)
    hashed = values ^ multipliers[:-1]
    hashed *= multipliers[1:]
    hashed ^= hashed >> _HALF
    return hashed


def _mixed(x: Words, y: Words) -> Words:
    """(k, n) words that depend on both."""
    result = x * _LEFT
    result -= y * _RIGHT
    result ^= result >> _HALF
    return result


_HALF = np.uint32(16)
_LEFT, _RIGHT = np.uint32(0xCA01F9DD), np.uint32(0x4973F715)


class _Constants:
    """Successive powers of a multiplier times a start, modulo 2**32."""

    def __init__(self, start: int, multiplier: int) -> None:
        self._next, self._multiplier = start, multiplier

    def take(self, n: int) -> Words:
        """(n, 1): the next n - 1, and the one behind them, with which the following call begins."""
        taken = [self._next]
        for _ in range(n - 1):
            taken.append(taken[-1] * self._multiplier % 2**32)
        self._next = taken[-1]
        return np.array(taken, dtype=np.uint32)[:, None]
