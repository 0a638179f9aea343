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
    constant = _Constants(0x43B0D7E5, 0x931E8875)

    def hashed(value: Words) -> Words:
        value = value ^ next(constant)
        value = value * _peek(constant)
        return value ^ (value >> np.uint32(16))

    def mixed(x: Words, y: Words) -> Words:
        result = np.uint32(0xCA01F9DD) * x - np.uint32(0x4973F715) * y
        return np.asarray(result ^ (result >> np.uint32(16)))

    pool = [hashed(row) for row in rows[:4]]
    for source in range(4):
        for target in range(4):
            if source != target:
                pool[target] = mixed(pool[target], hashed(pool[source]))
    for row in rows[4:]:
        for target in range(4):
            pool[target] = mixed(pool[target], hashed(row))

    constant = _Constants(0x8B51F9DD, 0x58F38DED)
    return np.stack([hashed(word) for word in pool], axis=1)


class _Constants:
    """Successive powers of a multiplier times a start, modulo 2**32."""

    def __init__(self, start: int, multiplier: int) -> None:
        self.value, self.multiplier = start, multiplier

    def __next__(self) -> np.uint32:
        now = self.value
        self.value = now * self.multiplier % 2**32
        return np.uint32(now)


def _peek(constant: _Constants) -> np.uint32:
    return np.uint32(constant.value)
