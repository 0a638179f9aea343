from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[3] / "docs" / "notebooks" / "bowl.ipynb"


def executed(cells: list[str], folder: Path) -> list[Any]:
    """The code cells of a notebook after a real kernel has run them."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=90, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute()
    return list(notebook.cells)


@pytest.mark.timeout(120)
def test_a_model_of_a_notebook_runs_on_workers_and_shows_itself_and_its_progress(tmp_path: Path) -> None:
    model, run, best, table = executed(
        [
            (
                "import l2l\n"
                "space = l2l.ParameterSpace(x=l2l.Real(-5.0, 5.0))\n"
                "@l2l.optimizee(space=space, objectives=l2l.Minimize('distance'))\n"
                "def bowl(individual):\n    return (individual['x'] - 1.0) ** 2\n"
                "space"
            ),
            (
                "experiment = l2l.Experiment(bowl, {'name': 'random', 'population': 8}, directory='run',\n"
                "    stop=l2l.Stop(generations=5), launcher={'name': 'local', 'workers': 2})\n"
                "trajectory = experiment.run()\ntrajectory"
            ),
            "trajectory.best",
            "trajectory.generations",
        ],
        tmp_path,
    )
    assert "<td>x</td>" in model.outputs[0]["data"]["text/html"]
    kinds = [one["output_type"] for one in run.outputs]
    assert kinds == ["display_data", "execute_result"], "one display that changes, and the run; no lines beside it"
    progress, shown = (one["data"] for one in run.outputs)
    assert "<pre>" in progress["text/html"] and "best distance" in progress["text/html"]
    assert "finished" in progress["text/plain"]
    assert "5 generations, 40 individuals, 40 trials" in shown["text/html"]
    assert "<td>distance</td>" not in shown["text/html"] and "<th>distance</th>" in shown["text/html"]
    assert "of generation" in best.outputs[0]["data"]["text/html"]
    assert "5 rows" in table.outputs[0]["data"]["text/html"]


@pytest.mark.timeout(120)
def test_the_notebook_of_the_manual_runs_as_it_is_shown(tmp_path: Path) -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    codes = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert sum(bool(cell.outputs) for cell in codes) >= 4, "it is published with its outputs"
    again = executed([cell.source for cell in codes], tmp_path)
    for before, now in zip(codes, again, strict=True):
        for one, other in zip(before.outputs, now.outputs, strict=True):
            if one["output_type"] == "execute_result" and "repeatable" in before.metadata.get("tags", []):
                assert one["data"]["text/plain"] == other["data"]["text/plain"]
