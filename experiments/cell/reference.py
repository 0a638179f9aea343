"""Makes cell/reference.csv: what the cell of these examples answers, with known conductances, to three current steps.

    python experiments/cell/reference.py

It is simulated by NEURON with time steps and compartments far finer than those of the fits, so that no fit is done with
the very model that made the data.
"""

from pathlib import Path

import numpy as np

from l2l.optimizees.neuron_cell import NeuronCell
from l2l.space import ParameterSpace

FOLDER = Path(__file__).parent

TRUTH = {
    "soma.hh.gnabar": 0.15,
    "soma.hh.gkbar": 0.03,
    "soma.hh.gl": 4e-4,
    "axon.hh.gnabar": 0.2,
    "dend.pas.g": 1.2e-4,
}
"""The conductances to be found again, S/cm2."""

FIXED = {"apic.pas.g": 6e-5, "dend.pas.e": -65.0, "apic.pas.e": -65.0}
"""What the fits know, S/cm2 and mV. (The leaks of two groups of dendrites look the same from the soma.)"""


def main() -> None:
    cell = NeuronCell(
        morphology=FOLDER / "cell.swc",
        mechanisms={"soma": ["hh"], "axon": ["hh"], "dend": ["pas"], "apic": ["pas"]},
        properties=ParameterSpace.from_dict({"parameters": {**TRUTH, **FIXED}}),
        truth=TRUTH,
        dt=0.005,
        max_length=5.0,
    )
    cell.setup()
    end = cell.delay + cell.duration
    remark = f"ms, then mV at the soma for steps of {cell.currents} nA from {cell.delay} to {end} ms\n"
    remark += f"{cell.version()} with {TRUTH} S/cm2"
    columns = np.column_stack([cell.times, *cell.reference_voltages])
    np.savetxt(
        FOLDER / "reference.csv", columns, fmt=["%.1f", *["%.4f"] * len(cell.currents)], delimiter=",", header=remark
    )
    cell.teardown()


if __name__ == "__main__":
    main()
