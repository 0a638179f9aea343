import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from l2l import Individual, Maximize, Minimize, Objective, Observable, Outcome, Resources, Status, Trial
from l2l.errors import OptionError, SpaceError
from l2l.quantities import bytes_of, seconds_of
from l2l.space import ParameterSpace, Real
from l2l.values import LONGEST_NAME, Evaluation, is_name, trial_directory


def trial(**changes: Any) -> Trial:
    return Trial(Individual({"x": 1.0}), **changes)


# --- statuses and objectives ---------------------------------------------------------------------------------------


def test_ok_is_the_least_status_so_that_the_largest_of_several_is_a_failure() -> None:
    assert min(Status) is Status.OK
    assert [int(status) for status in Status] == list(range(7)), "archives have these numbers"


def test_every_status_says_what_it_means() -> None:
    assert len({status.meaning for status in Status}) == len(Status)


def test_objectives_have_a_name_a_unit_and_a_sign_towards_costs() -> None:
    assert Minimize("error", unit="Hz") == Objective("error", maximize=False, unit="Hz")
    assert (Minimize("error").sign, Maximize("reward").sign) == (1.0, -1.0)


# --- observables ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("observable", "raw", "expected"),
    [
        (Observable(), 3, np.array(3.0)),
        (Observable(), np.float32(0.5), np.array(0.5)),
        (Observable(), True, np.array(1.0)),
        (Observable(), float("nan"), np.array(np.nan)),
        (Observable(2), [1, 2.5], np.array([1.0, 2.5])),
        (Observable([2, 1]), [[1], [2]], np.array([[1.0], [2.0]])),  # type: ignore[arg-type]
        (Observable(dtype=int), 3.0, np.array(3)),
        (Observable(dtype=int), np.uint8(3), np.array(3)),
        (Observable(dtype=bool), 1, np.array(True)),
        (Observable(dtype="int8"), 127, np.array(127, dtype=np.int8)),
        (Observable(ragged=True), [], np.array([])),
        (Observable(ragged=True), [0.1, 0.2], np.array([0.1, 0.2])),
        (Observable(2, ragged=True), [], np.zeros((0, 2))),
        (Observable(2, dtype=int, ragged=True), [[1, 2]], np.array([[1, 2]])),
    ],
)
def test_a_value_gets_the_declared_shape_and_type(observable: Observable, raw: Any, expected: np.ndarray) -> None:
    value = observable.value(raw)
    np.testing.assert_array_equal(value, expected, strict=True)


@pytest.mark.parametrize(
    ("observable", "raw", "message"),
    [
        (Observable(), [1.0], r"declared of shape \(\), got \(1,\)"),
        (Observable((2, 3)), np.zeros((3, 2)), r"declared of shape \(2, 3\), got \(3, 2\)"),
        (Observable(ragged=True), 1.0, r"declared of shape \('n',\), got \(\)"),
        (Observable(2, ragged=True), [1.0, 2.0], r"declared of shape \('n', 2\), got \(2,\)"),
        (Observable(), "3", "declared as float64, got '3'"),
        (Observable(), None, "declared as float64, got None"),
        (Observable(), 1j, "declared as float64, got 1j"),
        (Observable(dtype=int), 1.5, "declared as int64, got 1.5"),
        (Observable(dtype=int), np.array(np.nan), "declared as int64, got array"),
        (Observable(2, dtype=int), [1, 1.5], r"declared as int64, got \[1, 1.5\]"),
        (Observable(dtype="int8"), 300, "declared as int8, got 300"),
        (Observable(dtype="uint8"), -1, "declared as uint8, got -1"),
        (Observable(dtype=int), 2**70, "declared as int64, got 1180591620717411303424"),
        (Observable(dtype=bool), 5, "declared as bool, got 5"),
        (Observable((2,)), [[1.0], [2.0, 3.0]], "inhomogeneous"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_and_never_bent(observable: Observable, raw: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        observable.value(raw)


def test_a_value_is_a_copy_since_models_use_their_buffers_again() -> None:
    buffer = np.array([1.0, 2.0])
    value = Observable(2).value(buffer)
    buffer[:] = 0.0
    assert value.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("observable", "expected"),
    [
        (Observable(2), np.array([np.nan, np.nan])),
        (Observable(dtype=int), np.array(0)),
        (Observable(dtype=bool), np.array(False)),
        (Observable(3, ragged=True), np.zeros((0, 3))),
    ],
)
def test_there_is_a_value_that_stands_for_none(observable: Observable, expected: np.ndarray) -> None:
    np.testing.assert_array_equal(observable.missing(), expected, strict=True)


@pytest.mark.parametrize("shape", ["rate", (2.0,), -1, (True,), None, (None,)])
def test_a_shape_that_is_none_is_refused(shape: Any) -> None:
    with pytest.raises(OptionError, match="Observable: expected a shape such as"):
        Observable(shape)


@pytest.mark.parametrize("dtype", [str, object, complex, "no such type", "datetime64[s]"])
def test_other_types_than_numbers_are_refused(dtype: Any) -> None:
    with pytest.raises(OptionError, match="expected a float, int or bool dtype"):
        Observable(dtype=dtype)


def test_an_outcome_has_observables_of_its_own() -> None:
    assert Outcome(1.0).observables == {}
    assert Outcome(1.0).observables is not Outcome(1.0).observables


# --- resources -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (None, None),
        (1, 1),
        (2.5e9, 2_500_000_000),
        ("1000", 1000),
        ("2 GB", 2 * 10**9),
        ("2GB", 2 * 10**9),
        (" 2 G ", 2 * 10**9),
        ("512 MB", 512 * 10**6),
        ("512MiB", 512 * 2**20),
        ("512 Mi", 512 * 2**20),
        ("1 kB", 1000),
        ("1 KB", 1000),
        ("1 KiB", 1024),
        ("1.5 GiB", 3 * 2**29),
        (".5 GB", 5 * 10**8),
        ("2 TB", 2 * 10**12),
        ("1 TiB", 2**40),
        ("100 mb", 10**8),
        ("300 B", 300),
    ],
)
def test_memory_is_bytes_or_a_text_with_a_unit(said: Any, expected: int | None) -> None:
    assert bytes_of(said) == expected
    assert Resources(memory=said).memory == expected


@pytest.mark.parametrize(
    "said",
    [
        *("", "GB", "2 GiBB", "2 iB", "two GB", "1.2.3 GB", ".", "-1 GB", "0 GB", "1 PB", "2 s"),
        *(0, 0.5, -1, True, [1], float("nan"), float("inf")),
    ],
)
def test_other_memory_is_refused(said: Any) -> None:
    with pytest.raises(OptionError, match=r'^resources\.memory: expected bytes .* such as "2 GB", got ') as caught:
        Resources(memory=said)
    assert str(caught.value).endswith(repr(said))


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (None, None),
        (1, 1.0),
        (0.5, 0.5),
        ("00:10:00", 600.0),
        ("10:00", 600.0),
        ("00:00:01.5", 1.5),
        ("36:00:00", 36 * 3600.0),
        ("1-12:00:00", 36 * 3600.0),
        (" 01:00:00 ", 3600.0),
    ],
)
def test_a_duration_is_seconds_or_a_text(said: Any, expected: float | None) -> None:
    assert seconds_of(said) == expected
    assert Resources(timeout=said).timeout == expected


@pytest.mark.parametrize(
    "said", ["", "10", "10 fortnights", "30min 1h", "1:2:3:4", "-1:00", "00:00:00", 0, -1, True, [1], float("nan")]
)
def test_other_durations_are_refused(said: Any) -> None:
    with pytest.raises(
        OptionError, match=r'^resources\.timeout: expected seconds .* such as "00:10:00", got '
    ) as caught:
        Resources(timeout=said)
    assert str(caught.value).endswith(repr(said))


@pytest.mark.parametrize(
    ("name", "value", "least"),
    [("ranks", 0, 1), ("threads", 1.5, 1), ("threads", True, 1), ("gpus", -1, 0), ("ranks", "2", 1)],
)
def test_other_numbers_of_resources_are_refused(name: str, value: Any, least: int) -> None:
    with pytest.raises(OptionError, match=rf"resources\.{name}: expected a whole number of at least {least}, got "):
        Resources(**{name: value})


def test_values_do_not_change() -> None:
    for value, name in ((Resources(), "threads"), (Objective("a"), "name"), (Observable(), "shape")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, name, 1)


# --- trials --------------------------------------------------------------------------------------------------------


@given(st.integers(0, 2**128 - 1))
def test_the_generator_of_a_trial_is_numpys_from_all_128_bits(entropy: int) -> None:
    one = trial(entropy=entropy)
    assert one.rng is one.rng
    assert one.rng.integers(2**63) == np.random.default_rng(entropy).integers(2**63)


def test_the_folder_of_a_trial_is_made_when_it_is_first_used(tmp_path: Path) -> None:
    one = trial(index=1234, number=2, root=tmp_path / "a run")
    assert not one.used_directory and not any(tmp_path.iterdir())
    assert one.directory == tmp_path / "a run" / "001" / "1234-2"
    assert one.directory.is_dir() and one.used_directory
    (one.directory / "kept").touch()
    assert [path.name for path in one.directory.iterdir()] == ["kept"], "the same folder each time it is asked"


def test_each_attempt_and_each_trial_has_a_folder_of_its_own() -> None:
    root = Path("trials")
    assert trial_directory(root, 7, 0) == root / "000" / "7-0"
    assert len({trial_directory(root, i, n, a) for i in (1, 11) for n in (0, 1) for a in (0, 1)}) == 8


def test_what_an_earlier_process_left_in_the_folder_is_gone(tmp_path: Path) -> None:
    first = trial(index=3, root=tmp_path)
    (first.directory / "sub").mkdir()
    (first.directory / "sub" / "left").write_text("over")
    again = trial(index=3, root=tmp_path)
    assert again.directory == first.directory
    assert not any(again.directory.iterdir())


def test_without_a_root_the_folder_is_a_temporary_one() -> None:
    one, other = trial(index=5), trial(index=5)
    try:
        assert one.directory.is_dir() and one.directory != other.directory
    finally:
        one.directory.rmdir()
        other.directory.rmdir()


def test_trials_and_evaluations_are_named_by_individual_and_number() -> None:
    assert trial(index=3, number=2).id == Evaluation(3, 2).id == (3, 2)


# --- names ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["spikes per s", "exc.tau_m", "τ", "发放率", "x" * LONGEST_NAME])
def test_a_name_is_printable_text_in_any_script(name: str) -> None:
    assert is_name(name)
    assert Minimize(name).name == name
    assert list(ParameterSpace({name: Real(0.0, 1.0)})) == [name]


@pytest.mark.parametrize(
    "name", ["spikes/s", "", " x", "x ", ".", "..", "a\nb", "a\tb", "\x1b[31m", "x" * 201, 3, None]
)
def test_what_is_no_name_is_refused_where_it_is_declared(name: Any) -> None:
    assert not is_name(name)
    with pytest.raises(OptionError, match="expected a name, which is printable text without /"):
        Minimize(name)
    with pytest.raises(SpaceError, match="expected a name, which is printable text without /"):
        ParameterSpace({name: Real(0.0, 1.0)})


def test_a_rate_as_a_name_is_refused_with_the_place_of_its_unit() -> None:
    with pytest.raises(OptionError, match=r"write 'spikes per s', and a unit as unit='spikes/s'"):
        Minimize("spikes/s")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"shape": (0,)}, "without 0"),
        ({"shape": (3, 0)}, r"Observable\(ragged=True\)"),
        ({"shape": (0,), "ragged": True}, "without 0"),
        ({"dtype": "longdouble"}, "at most 8 bytes"),
        ({"shape": (1,) * 32}, "at most 31 axes"),
    ],
)
def test_an_observable_that_no_archive_can_hold_is_refused_where_it_is_declared(given, said):
    with pytest.raises(OptionError, match=said):
        Observable(**given)


def test_an_observable_has_the_byte_order_of_this_machine():
    declared = Observable(dtype=">i4")
    assert declared.dtype == np.int32 and declared.dtype.isnative
    assert declared.value(np.array(3, dtype=">i4")).tobytes() == np.int32(3).tobytes()


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "soon", True])
def test_renewal_wants_a_whole_number(wrong):
    with pytest.raises(OptionError, match="renew_after"):
        Resources(renew_after=wrong)
