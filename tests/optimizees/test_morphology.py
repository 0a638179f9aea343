"""What samples mean, and that the cells which Arbor and NEURON make of them are that, and the same."""

import contextlib
import io
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from l2l.errors import OptionError
from l2l.individual import Individual
from l2l.optimizees import ArborCell, ArborOptimizee, NeuronCell, NeuronOptimizee
from l2l.optimizees.cell_fit import CellFit
from l2l.optimizees.morphology import Morphology, grown
from l2l.optimizees.neuron_morphology import Grown
from l2l.optimizees.swc import read_swc, region_of
from l2l.space import ParameterSpace
from l2l.values import Trial

POINT = "1 1 0 0 0 10 -1\n"
THREE = "1 1 0 0 0 10 -1\n2 1 0 -10 0 10 1\n3 1 0 10 0 10 1\n"
CHAIN = "1 1 0 0 0 5 -1\n2 1 10 0 0 6 1\n3 1 20 0 0 4 2\n"
BALL = 4.0 * math.pi * 100.0


def side(first: float, second: float, length: float) -> float:
    """Of a frustum, µm²."""
    return math.pi * (first + second) * math.hypot(length, first - second)


@dataclass(frozen=True, slots=True)
class Shape:
    """A file and what it means.

    Args:
        text: The file.
        areas: Region → its membrane, µm².
        sections: How many there are.
        joined: How many of them go on a branch of Arbor: the type, or the radius, changes there without a fork.
        as_neuron: Whether NEURON's own reader makes the same membrane of it.
    """

    text: str
    areas: dict[str, float]
    sections: int
    joined: int = 0
    as_neuron: bool = True


SHAPES = {
    "a point": Shape(POINT, {"soma": BALL}, 2, as_neuron=False),  # it makes no section of a single sample
    "a point with a dendrite": Shape(
        POINT + "2 3 10 0 0 1 1\n3 3 110 0 0 1 2\n", {"soma": BALL, "dend": side(1, 1, 100)}, 3
    ),
    "a point off the axes": Shape(
        "1 1 5000 -7000 9000 10 -1\n2 3 5006 -6992 9000 1 1\n3 3 5066 -6912 9000 0.5 2\n",
        {"soma": BALL, "dend": side(1, 0.5, 100)},
        3,
    ),
    "two points": Shape(
        "1 1 0 0 0 5 -1\n2 1 20 0 0 5 1\n3 3 20 0 0 1 2\n4 3 120 0 0 1 3\n5 2 0 0 0 1 1\n6 2 -99 0 0 1 5\n",
        {"soma": side(5, 5, 20), "dend": side(1, 1, 100), "axon": side(1, 1, 99)},
        3,
        joined=1,
    ),
    "three points": Shape(
        THREE + "4 3 10 0 0 1 1\n5 3 60 0 0 1 4\n", {"soma": BALL, "dend": side(1, 1, 50)}, 3
    ),
    "a chain with a dendrite in it": Shape(
        CHAIN + "4 3 10 6 0 1 2\n5 3 10 106 0 1 4\n",
        {"soma": side(5, 6, 10) + side(6, 4, 10), "dend": side(1, 1, 100)},
        3,
    ),
    "a chain with a gap at its end": Shape(  # which NEURON's reader fills with dendrite, unlike all other gaps
        CHAIN + "4 3 30 0 0 1 3\n5 3 130 0 0 1 4\n",
        {"soma": side(5, 6, 10) + side(6, 4, 10), "dend": side(1, 1, 100)},
        2,
        joined=1,
        as_neuron=False,
    ),
    "a chain from the middle": Shape(
        "1 1 0 0 0 5 -1\n2 1 8 0 0 5 1\n3 1 -12 0 0 4 1\n4 3 0 5 0 1 1\n5 3 0 60 0 1 4\n6 3 40 60 0 1 5\n",
        {"soma": side(5, 5, 8) + side(5, 4, 12), "dend": side(1, 1, 55) + side(1, 1, 40)},
        3,
    ),
    "a soma that forks": Shape(
        "1 1 0 0 0 5 -1\n2 1 10 0 0 5 1\n3 1 20 9 0 3 2\n4 1 20 -9 0 3 2\n5 3 20 9 0 1 3\n6 3 20 99 0 1 5\n",
        {"soma": side(5, 5, 10) + 2.0 * side(5, 3, math.hypot(10, 9)), "dend": side(1, 1, 90)},
        4,
        joined=1,
    ),
    "samples of branches in turns": Shape(  # what its reader makes of a section is a run of neighbouring lines
        POINT + "2 3 10 0 0 1 1\n3 3 0 10 0 1 1\n4 3 60 0 0 1 2\n5 3 0 60 0 1 3\n6 3 110 0 0 1 4\n7 3 0 160 0 1 5\n",
        {"soma": BALL, "dend": side(1, 1, 100) + side(1, 1, 150)},
        4,
        as_neuron=False,
    ),
    "ids with gaps in no order": Shape(
        "90 3 60 0 0 1 7\n7 3 10 0 0 1 1000\n3 2 -10 0 0 1 1000\n4 2 -99 0 0 1 3\n1000 1 0 0 0 10 -1\n",
        {"soma": BALL, "dend": side(1, 1, 50), "axon": side(1, 1, 89)},
        4,
        as_neuron=False,  # it wants ids above those of parents
    ),
    "an axon on a dendrite": Shape(
        POINT + "2 3 10 0 0 1 1\n3 3 60 0 0 1 2\n4 2 61 0 0 0.5 3\n5 2 160 0 0 0.5 4\n",
        {"soma": BALL, "dend": side(1, 1, 50), "axon": side(1, 0.5, 1) + side(0.5, 0.5, 99)},
        4,
        joined=1,
    ),
    "an axon where a dendrite forks": Shape(
        "1 1 0 0 0 5 -1\n2 3 5 0 0 1 1\n3 3 45 0 0 1 2\n4 2 45 30 0 0.5 3\n5 3 95 0 0 1 3\n",
        {"soma": BALL / 4.0, "dend": side(1, 1, 40) + side(1, 1, 50), "axon": side(1, 0.5, 30)},
        5,
    ),
    "types 0, 5, 6 and 7": Shape(
        POINT + "2 3 10 0 0 1 1\n3 5 60 0 0 1 2\n4 6 80 0 0 1 3\n5 7 60 90 0 1 3\n6 0 60 99 0 1 5\n",
        {"soma": BALL, "dend": side(1, 1, 10), "type5": side(1, 1, 50), "type6": side(1, 1, 20)}
        | {"type7": side(1, 1, 90), "type0": side(1, 1, 9)},
        7,
        joined=2,
        as_neuron=False,  # it has no type 0
    ),
    "a first sample that forks": Shape(
        POINT + "2 2 -10 0 0 1 1\n3 2 -40 0 0 1 2\n4 3 20 0 0 0.5 1\n5 3 20 100 0 0.5 4\n6 3 20 -100 0 0.5 4\n",
        {"soma": BALL, "axon": side(1, 1, 30), "dend": 2.0 * side(0.5, 0.5, 100)},
        5,
    ),
    "the very first sample of all forks": Shape(  # its reader looks for such samples from the third on
        POINT + "2 3 20 0 0 0.5 1\n3 3 20 100 0 0.5 2\n4 3 20 -100 0 0.5 2\n",
        {"soma": BALL, "dend": 2.0 * side(0.5, 0.5, 100)},
        4,
        as_neuron=False,
    ),
    "a dendrite of one sample": Shape(
        POINT + "2 2 -10 0 0 1 1\n3 2 -40 0 0 1 2\n4 3 30 0 0 2 1\n",
        {"soma": BALL, "axon": side(1, 1, 30), "dend": side(2, 2, 30)},
        4,
    ),
    "a first sample of its own type": Shape(
        POINT + "2 2 -10 0 0 1 1\n3 2 -40 0 0 1 2\n4 3 30 0 0 2 1\n5 4 90 0 0 1 4\n",
        {"soma": BALL, "axon": side(1, 1, 30), "dend": side(2, 2, 30), "apic": side(2, 1, 60)},
        5,
        joined=1,
    ),
    "samples that stand twice": Shape(
        POINT + "2 3 10 0 0 1 1\n3 3 10 0 0 1 2\n4 3 60 0 0 1 3\n5 3 60 0 0 1 4\n6 3 60 40 0 1 5\n7 3 60 40 0 1 6\n",
        {"soma": BALL, "dend": side(1, 1, 90)},
        3,
    ),
    "a radius that jumps": Shape(  # its reader takes the ring between them for membrane
        POINT + "2 3 10 0 0 3 1\n3 3 60 0 0 3 2\n4 3 60 0 0 1 3\n5 3 110 0 0 1 4\n",
        {"soma": BALL, "dend": side(3, 3, 50) + side(1, 1, 50)},
        4,
        joined=1,
        as_neuron=False,
    ),
    "many forks": Shape(
        THREE + "4 3 0 10 0 2 1\n5 3 0 50 0 2 4\n6 3 30 90 0 1 5\n7 3 70 120 0 0.5 6\n8 3 -30 90 0 1 5\n"
        "9 3 -30 130 9 1 8\n10 3 -60 90 0 1 8\n11 3 -1 90 0 1 8\n12 4 0 -10 0 2 1\n13 4 0 -300 0 1 12\n",
        {
            "soma": BALL,
            "dend": side(2, 2, 40) + 2.0 * side(2, 1, 50) + side(1, 0.5, 50)
            + side(1, 1, math.hypot(40, 9)) + side(1, 1, 30) + side(1, 1, 29),
            "apic": side(2, 1, 290),
        },
        9,
    ),
}  # fmt: skip

ALL = pytest.mark.parametrize("name", SHAPES)


@pytest.fixture
def path(tmp_path: Path, name: str) -> Path:
    path = tmp_path / "cell.swc"
    path.write_text(SHAPES[name].text)
    return path


@pytest.fixture(autouse=True)
def _alone() -> Iterator[None]:
    yield
    from neuron import h

    for section in list(h.allsec()):
        h.delete_section(sec=section)


def areas(cell: Morphology) -> dict[str, float]:
    found: Counter[str] = Counter()
    for section in cell.sections:
        found[region_of(section.kind)] += section.area  # type: ignore[assignment]
    return dict(found)


@ALL
def test_a_file_means_the_membrane_and_the_sections_that_its_geometry_says(name: str, path: Path) -> None:
    cell = grown(read_swc(path))
    assert areas(cell) == pytest.approx(SHAPES[name].areas, rel=1e-9)
    assert len(cell.sections) == SHAPES[name].sections
    for place, section in enumerate(cell.sections):
        assert section.parent is None if place == 0 else 0 <= section.parent < place
        assert section.length > 0.0


@ALL
def test_neuron_has_the_membranes_lengths_and_sections_that_the_file_means(name: str, path: Path) -> None:
    from neuron import h

    cell = grown(read_swc(path))
    made = Grown(h, cell)
    made.divide(20.0)
    for section, one in zip(cell.sections, made.all, strict=True):
        assert pytest.approx(section.length, rel=1e-4) == one.L
        assert one.nseg == section.parts(20.0)
    for region, area in SHAPES[name].areas.items():
        assert sum(part.area() for one in made.regions[region] for part in one) == pytest.approx(area, rel=1e-4)


@pytest.mark.parametrize("name", [name for name, shape in SHAPES.items() if shape.as_neuron])
def test_neurons_own_reader_finds_the_same_membrane(name: str, path: Path) -> None:
    from neuron import h

    class Cell:
        pass

    h.load_file("import3d.hoc")
    cell = Cell()
    with contextlib.redirect_stdout(io.StringIO()):
        reader = h.Import3d_SWC_read()
        reader.input(str(path))
        h.Import3d_GUI(reader, False).instantiate(cell)
    for region, area in SHAPES[name].areas.items():
        sections = getattr(cell, region.replace("type", "dend_"))
        assert sum(part.area() for one in sections for part in one) == pytest.approx(area, rel=1e-4)


@ALL
def test_arbor_has_the_sections_and_compartments_that_the_file_means(name: str, path: Path) -> None:
    import arbor

    from l2l.optimizees.arbor_morphology import Grown as GrownInArbor

    cell = grown(read_swc(path))
    made = GrownInArbor(arbor, cell)
    assert made.morphology.num_branches == len(cell.sections) - SHAPES[name].joined
    divided = arbor.cv_data(
        arbor.cable_cell(made.morphology, arbor.decor(), arbor.label_dict(), made.discretization(20.0))
    )
    cables = [divided.cables(one) for one in range(divided.num_cv)]
    real = [
        one for one in cables if any(cable.prox < cable.dist for cable in one)
    ]  # others are forks, without membrane
    assert len(real) == sum(section.parts(20.0) for section in cell.sections)


def passive(cls: type[CellFit], path: Path, regions: list[str], region: str, **options: Any) -> np.ndarray:
    """The answer of a cell whose leak is in one region, and hardly elsewhere, to a current at its soma."""
    leaks = {f"{one}.pas.g": 1e-3 if region in (one, "all") else 1e-7 for one in regions}
    space: dict[str, object] = {**leaks, "all.pas.e": -70.0, "soma.cm": {"low": 0.5, "high": 2.0}}
    cell = cls(
        morphology=path,
        mechanisms={"all": ["pas"]},
        properties=ParameterSpace.from_dict({"parameters": space | options.pop("cable", {})}),
        truth={"soma.cm": 1.0},
        v_init=-70.0,
        currents=[options.pop("current", 0.02)],
        **{"delay": 6.0, "duration": 20.0, "after": 5.0, "max_length": 10.0, "every": 0.5, **options},
    )
    cell.setup()
    found = cell.reference_voltages[0] + 70.0
    cell.teardown()
    return found


@ALL
def test_a_passive_cell_answers_in_both_in_the_same_way(name: str, path: Path) -> None:
    regions = list(SHAPES[name].areas)
    for region in ["all", *regions]:
        one, other = (passive(cls, path, regions, region) for cls in (ArborCell, NeuronCell))
        assert np.ptp(one) > 0.2
        np.testing.assert_allclose(one, other, atol=1e-6 * np.ptp(one))


@ALL
@pytest.mark.parametrize("cls", [ArborCell, NeuronCell])
def test_a_cell_without_resistance_leaks_as_its_membrane_says(name: str, path: Path, cls: Any) -> None:
    """Where all is at one voltage, Ohm's law measures the membrane of a region: voltage = current / (leak × area)."""
    measured = SHAPES[name].areas
    for region, area in measured.items():
        long = {"delay": 20.0, "duration": 400.0, "every": 1.0, "dt": 0.1, "current": 1e-3}
        found = passive(cls, path, list(measured), region, cable={"all.Ra": 0.01}, **long)
        leak = 1e-8 * (1e-3 * area + 1e-7 * (sum(measured.values()) - area))  # S: µm2 to cm2
        assert found[419] == pytest.approx(1e-3 * 1e-9 / leak * 1e3, rel=1e-3)


def random_cell(seed: int) -> str:
    """Samples of any types, in any order, some at one place, on a soma of one to four samples."""
    random = np.random.default_rng(seed)
    places, kinds, lines = [np.zeros(3)], [1], ["0 1 0 0 0 8 -1"]
    somatic = int(random.integers(1, 5))
    for number in range(1, somatic + int(random.integers(3, 20))):
        parent = int(random.integers(0, number))
        soma = number < somatic
        changes = kinds[parent] == 1 or random.random() < 0.2
        kinds.append(1 if soma else int(random.choice([0, 2, 3, 4, 7])) if changes else kinds[parent])
        stays = not soma and random.random() < 0.1
        places.append(places[parent] + (0.0 if stays else 6.0 if soma else 30.0) * random.normal(size=3))
        radius = random.uniform(3.0, 9.0) if soma else random.uniform(0.3, 2.0)
        x, y, z = places[-1]
        lines.append(f"{number} {kinds[-1]} {x:.3f} {y:.3f} {z:.3f} {radius:.3f} {parent}")
    random.shuffle(lines)
    return "\n".join(lines)


@pytest.mark.parametrize("seed", range(8))
def test_cells_that_nobody_thought_of_answer_in_both_in_the_same_way(seed: int, tmp_path: Path) -> None:
    path = tmp_path / "cell.swc"
    path.write_text(random_cell(seed))
    regions = grown(read_swc(path)).regions
    for region in ["all", *regions]:
        one, other = (passive(cls, path, regions, region) for cls in (ArborCell, NeuronCell))
        np.testing.assert_allclose(one, other, atol=1e-6 * np.ptp(one))


def test_a_cell_far_from_the_origin_is_the_cell_at_the_origin(tmp_path: Path) -> None:
    """NEURON has points in single precision, where 0.1 µm at 100,000 µm are gone."""
    lines = [f"{place + 3} 3 {{}} {0.1 * place} 0 0.3 {place + 2 if place else 1}" for place in range(200)]
    found = []
    for x in (0.0, 1e5):
        path = tmp_path / f"{x}.swc"
        path.write_text("\n".join([f"1 1 {x} 0 0 5 -1", *(line.format(x) for line in lines)]))
        found.append(passive(NeuronCell, path, ["soma", "dend"], "all"))
    np.testing.assert_allclose(*found, atol=1e-3 * np.ptp(found[0]))


@pytest.mark.parametrize(
    ("text", "middle"),
    [
        (POINT, (0, 0.5)),
        (THREE, (0, 0.5)),
        ("1 1 0 0 0 5 -1\n2 1 60 0 0 5 1\n", (0, 0.5)),
        ("1 1 0 0 0 5 -1\n2 1 20 0 0 5 1\n3 1 60 0 0 5 2\n4 3 20 0 0 1 2\n5 3 20 90 0 1 4\n", (1, 1 / 6)),
        ("1 1 0 0 0 5 -1\n2 1 60 0 0 5 1\n3 3 0 0 0 1 1\n4 3 -90 0 0 1 3\n", (0, 0.5)),
        ("1 1 0 0 0 5 -1\n2 1 10 0 0 5 1\n3 1 20 9 0 3 2\n4 1 20 -9 0 3 2\n", (0, 0.5)),
        ("1 1 0 0 0 5 -1\n2 1 0 50 0 5 1\n3 1 0 -10 0 5 1\n", (0, 1 / 6)),
    ],
)
def test_the_middle_of_a_soma_is_where_both_simulators_have_a_node(
    tmp_path: Path, text: str, middle: tuple[int, float]
) -> None:
    path = tmp_path / "cell.swc"
    path.write_text(text)
    section, place = grown(read_swc(path)).middle(20.0)
    assert (section, place) == pytest.approx(middle)


class InArbor(ArborOptimizee):
    """A modeller's own, that reads a file."""

    space = ParameterSpace.from_dict({"parameters": {"x": {"low": 0.0, "high": 1.0}}})

    def __init__(self, *, path: Path) -> None:
        self.path = path

    def build(self) -> None:
        self.cell = self.load_swc(self.path)

    def set_parameters(self, individual: Individual, trial: Trial) -> None:
        """Has none."""

    def measure(self, individual: Individual, trial: Trial) -> float:
        return 0.0


class InNeuron(NeuronOptimizee):
    """The same in NEURON."""

    space = InArbor.space
    __init__ = InArbor.__init__
    build = InArbor.build
    set_parameters = InArbor.set_parameters
    measure = InArbor.measure


@pytest.mark.parametrize("name", ["types 0, 5, 6 and 7"])
def test_models_of_ones_own_read_the_same_cell(path: Path) -> None:
    arbor, neuron = InArbor(path=path), InNeuron(path=path)
    arbor.setup()
    neuron.setup()
    assert arbor.cell.num_branches == 5
    assert [len(neuron.cell.regions[region]) for region in ("soma", "axon", "dend", "type0", "type6")] == [
        2,
        0,
        1,
        1,
        1,
    ]
    assert neuron.cell.axon == [] and len(neuron.cell.all) == 7
    assert neuron.cell.soma[0].name() == "cell.soma[0]"
    with pytest.raises(AttributeError, match="this cell has no type8; it has soma, axon, dend, apic, type0, type5"):
        neuron.cell.type8  # noqa: B018
    neuron.teardown()


@pytest.mark.parametrize("cls", [InArbor, InNeuron])
def test_a_file_without_a_single_meaning_is_refused_in_both(cls: Any, tmp_path: Path) -> None:
    path = tmp_path / "cell.swc"
    path.write_text(POINT + "2 3 10 0 0 1 1\n3 1 60 0 0 9 2\n")
    with pytest.raises(OptionError, match=r"cell\.swc:3: expected a soma"):
        cls(path=path).setup()


def test_a_cell_without_a_soma_is_one_too(tmp_path: Path) -> None:
    path = tmp_path / "cell.swc"
    path.write_text("1 3 0 0 0 1 -1\n2 3 50 0 0 1 1\n3 2 90 0 0 1 2\n4 3 0 50 0 1 1\n")
    cell = grown(read_swc(path))
    assert areas(cell) == pytest.approx({"dend": 2.0 * side(1, 1, 50), "axon": side(1, 1, 40)})
    assert [section.end for section in cell.sections] == [1.0, 1.0, 0.0]
