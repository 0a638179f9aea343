"""What runs once per machine, MPI rank or job step: it starts workers, watches their limits and reports how they ended.

The leader plays this part itself under `local`, a task under `executor`, and a work package under `jube`.

- **watchdog**: the thread that measures time and memory of running trials, and ends those beyond their limits.
- **killed**: the watchdog has ended a worker; the trial is judged by that, whatever comes of it after all.
- **reap**: to wait for the end of a process (wait(2)) and to give its number back to the system.
- **reaper**: a small program that ends workers, and what these started, if their supervisor is killed.
- **marker**: an environment variable that all that a worker starts inherits, by which it is found and ended.
- **descendants**: the living processes that a process started, and those that they started.
- **trace**: a signal that makes a worker write the Python stack of all its threads to its log.
- **request id**: names the request of the leader, such as a job step, by which a supervisor was started.
"""
