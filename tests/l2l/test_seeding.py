import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from l2l import Individual
from l2l.errors import OptionError
from l2l.seeding import MODES, Seeding, as_ints, as_words, check_root, entropies, seed_sequence
from l2l.values import simulator_seed

WORDS = st.integers(0, 2**32 - 1)
ROOTS = st.integers(0, 2**128 - 1) | st.sampled_from([0, 1, 2**32, 2**64 - 1, 2**128 - 1])
KEYS = st.binary(min_size=16, max_size=16)


def words_of(key: bytes) -> list[int]:
    return [int.from_bytes(key[start : start + 4], "little") for start in range(0, 16, 4)]


def documented(root: int, mode: Seeding, key: bytes, number: int, generation: int) -> list[int]:
    """What NumPy itself makes of the ten documented words."""
    by_mode = {"individual": words_of(key), "common": [0, 0, 0, 0], "generation": [generation, 0, 0, 0]}[mode]
    ten = [*words_of(root.to_bytes(16, "little")), MODES.index(mode), number, *by_mode]
    assert len(ten) == 10
    state = np.random.SeedSequence(ten).generate_state(4)
    return [int(word) for word in state]


@pytest.mark.parametrize("times", [1, 30], ids=["few", "many"])
@given(ROOTS, st.sampled_from(MODES), st.lists(st.tuples(KEYS, WORDS), min_size=1, max_size=4), WORDS)
def test_entropy_is_that_of_seed_sequence_over_ten_words(
    times: int, root: int, mode: Seeding, trials: list[tuple[bytes, int]], generation: int
) -> None:
    trials = trials * times
    keys, numbers = zip(*trials, strict=True)
    found = entropies(root, mode, keys, np.array(numbers), generation)
    assert found.shape == (len(trials), 4) and found.dtype == np.uint32
    one_time = trials[: len(trials) // times]
    expected = [documented(root, mode, key, number, generation) for key, number in one_time]
    assert found.tolist() == expected * times


@given(st.integers(4, 13).flatmap(lambda k: st.lists(st.lists(WORDS, min_size=k, max_size=k), min_size=1, max_size=4)))
def test_rows_are_hashed_as_numpy_hashes_each(rows: list[list[int]]) -> None:
    found = seed_sequence(np.array(rows, dtype=np.uint32))
    assert found.tolist() == [np.random.SeedSequence(row).generate_state(4).tolist() for row in rows]


def test_the_three_modes_depend_on_what_they_say() -> None:
    keys = [Individual({"x": 1.0}).key, Individual({"x": 2.0}).key, Individual({"x": 1.0}).key]
    numbers = np.zeros(3, dtype=int)

    def seeds(mode: Seeding, generation: int, root: int = 7) -> list[int]:
        return as_ints(entropies(root, mode, keys, numbers, generation))

    individual, common, generation = (seeds(mode, 0) for mode in MODES)
    assert individual[0] == individual[2] != individual[1]
    assert individual == seeds("individual", 5)
    assert len(set(common)) == 1 and common == seeds("common", 5)
    assert len(set(generation)) == 1 and generation != seeds("generation", 5)
    assert len({*individual, *common, *generation, *seeds("individual", 0, root=8)}) == 6


def test_each_trial_has_a_seed_of_its_own() -> None:
    keys = [Individual({"x": 1.0}).key] * 1000
    for mode in MODES:
        assert len(set(as_ints(entropies(0, mode, keys, np.arange(1000))))) == 1000


def test_the_entropy_of_no_trials_is_none() -> None:
    for mode in MODES:
        assert entropies(1, mode, [], np.array([], dtype=int)).shape == (0, 4)


def test_seeds_stay_what_they_were() -> None:
    key = Individual({"x": 1.0, "n": 3}).key
    found = {mode: f"{as_ints(entropies(1, mode, [key], np.array([2]), 3))[0]:032x}" for mode in MODES}
    assert found == PINNED


PINNED = {
    "individual": "7b7ebbde03be52a65ff4bbcc0321bf82",
    "common": "c7d3d6eab5bc646d7271c3bfd5c8ba7b",
    "generation": "0ac989ff170f7fb86a3f5abb4ce62179",
}
"""Archived runs replay with these: they may never change."""


@given(st.integers(0, 2**128 - 1))
def test_words_and_ints_are_two_forms_of_the_same(entropy: int) -> None:
    assert as_ints(as_words(entropy)[None]) == [entropy]
    assert as_words(entropy).tolist() == words_of(entropy.to_bytes(16, "little"))


@given(st.integers(0, 2**128 - 1))
def test_simulators_get_a_positive_int_of_31_bits(entropy: int) -> None:
    assert 1 <= simulator_seed(entropy) <= 2**31 - 1


@pytest.mark.parametrize("seed", [0, 1, 2**128 - 1, np.int64(5)])
def test_a_root_seed_is_a_whole_number_of_128_bits(seed: int) -> None:
    assert check_root(seed) == int(seed) and type(check_root(seed)) is int


@pytest.mark.parametrize("seed", [-1, 2**128, 1.0, True, "1", None])
def test_other_root_seeds_are_refused(seed: object) -> None:
    with pytest.raises(OptionError, match="seed: expected a whole number from 0"):
        check_root(seed)
