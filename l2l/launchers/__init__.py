"""How workers get to be started: one launcher per file or folder. All run in the leader, but for three programs.

`slurm/rank.py`, `executor/task.py` and `jube/work_package.py` run where Slurm, an executor or JUBE starts them.
Authors of launchers find what they need in `parts`.

- **launcher**: carries trials to where they run, by the contract `l2l.launcher.Launcher`.
- **local workers**: processes of this machine, which their starter feeds over pipes and supervises itself.
- **remote workers**: processes that a supervisor started, here or elsewhere, and that connect to the leader.
- **request**: what is asked of Slurm so that workers come: a job step within an allocation, or a job.
- **task**: what an executor is given: a batch of trials to be evaluated by one of its workers.
- **work package**: what JUBE runs: some trials of a generation, in a folder of its own.
- **benchmark**: a generation in the words of JUBE.
"""
