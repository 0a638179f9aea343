"""What runs in the evaluating process. Under the launcher `serial` that is the leader, else a process per slot.

- **optimizee**: the model; it is built and set up once, and simulates all trials that this process gets.
- **isolation**: what keeps a model from the worker's own channel, signals and log, and the worker from outliving its
  supervisor.
- **condition**: what a process was like before its first trial; a trial that fails in an altered process runs again.
- **leave**: to end after the present trial, so that a fresh process takes the worker's place.
- **ranks**: MPI processes that simulate one trial together; the first of them, the reporter, talks to the leader.
- **place**: the Python path and the folder in which the leader runs, and so the worker too.
- **evaluator**: runs a trial and judges what the model returned or raised, as a status.
"""
