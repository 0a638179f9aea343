"""Stand-ins for the programs of PBS, LSF and Slurm: real programs on the PATH, which write down how they were called.

PBS and LSF themselves cannot be had for tests; what is tried on a real Slurm stands in test_on_slurm.py.
"""

from pathlib import Path

import pytest

_SUBMITS = """\
read -r -d '' script
number=$(( $(cat "$folder/count") + 1 ))
echo $number > "$folder/count"
touch "$folder/live-$number"
"""
PROGRAMS = {
    "qsub": _SUBMITS + "echo $number.server",
    "qstat": '[ -e "$folder/live-${2%.server}" ] || { echo "qstat: Unknown Job Id $2" >&2; exit 153; }\n'
    'echo "    job_state = Q"',
    "qdel": 'rm "$folder/live-${1%.server}"',
    "bsub": _SUBMITS + 'echo "Job <$number> is submitted to default queue <normal>."\necho "$script" >> "$folder/read"',
    "bjobs": '[ -e "$folder/live-$4" ] || { echo "Job <$4> is not found"; exit 255; }\necho PEND',
    "bkill": 'rm "$folder/live-$1"',
    "sbatch": _SUBMITS + "env > $folder/environment\necho $number",
    "squeue": 'job=${2#--jobs=}\n[ -e "$folder/live-$job" ] && echo PENDING || true',
    "scancel": 'rm "$folder/live-$1"',
}
OF_SYSTEM = {
    "pbs": ("qsub", "qstat", "qdel"),
    "lsf": ("bsub", "bjobs", "bkill"),
    "slurm": ("sbatch", "squeue", "scancel"),
}
VARIABLES = {"pbs": "PBS_JOBID", "lsf": "LSB_JOBID", "slurm": "SLURM_JOB_ID"}


class StandIns:
    """The programs of one batch system, in a folder that is the first on the PATH.

    Args:
        folder: For programs and what they note.
        system: "pbs", "lsf" or "slurm".
    """

    def __init__(self, folder: Path, system: str) -> None:
        self.folder = folder
        self.system = system
        (folder / "bin").mkdir(parents=True)
        (folder / "count").write_text("0")
        for name in OF_SYSTEM[system]:
            self.write(name, PROGRAMS[name])

    def write(self, name: str, text: str) -> None:
        """Write a program that first notes its arguments."""
        path = self.folder / "bin" / name
        path.write_text(f'#!/bin/bash\nfolder={self.folder}\necho "{name} $*" >> "$folder/asked"\n{text}\n')
        path.chmod(0o755)

    @property
    def asked(self) -> list[str]:
        """How the programs were called so far, without questions."""
        file = self.folder / "asked"
        lines = file.read_text().splitlines() if file.exists() else []
        return [line for line in lines if line.split()[0] not in {"qstat", "bjobs", "squeue"}]

    @property
    def live(self) -> set[str]:
        """The jobs that wait."""
        return {path.name.partition("-")[2] for path in self.folder.glob("live-*")}


def installed(monkeypatch: pytest.MonkeyPatch, folder: Path, system: str) -> StandIns:
    """Stand-ins that all processes find."""
    for variable in VARIABLES.values():
        monkeypatch.delenv(variable, raising=False)
    found = StandIns(folder, system)
    monkeypatch.setenv("PATH", f"{found.folder}/bin:/usr/bin:/bin")
    return found
