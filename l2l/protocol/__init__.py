"""What travels between the processes of a run, and how it travels. Both ends of each connection use this room.

- **leader**: the process that decides what is evaluated, and writes the run's folder.
- **supervisor**: starts workers, watches their limits, reports how they ended; one per machine, MPI rank or job step.
- **worker**: the evaluating process.
- **secret**: what all processes of a run know and nobody else; both sides of a connection prove that they have it.
- **introduction**: what a client says of itself in the handshake, before any message.
- **channel**: a connection on which pickled messages travel, each behind its length.
- **seal**: a code behind each message on a socket, which shows who wrote it, and that nothing was added or left out.
- **status page**: a page of shared memory in which a worker says which trial it is at.
- **header**: what all trials of a batch have in common (names of parameters, folder); sent once, then named by a code.
- **recall**: the leader takes back trials that a worker has been sent and has not begun.
"""
