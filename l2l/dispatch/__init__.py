"""What runs in the leader: it hands trials to workers and takes results back, wherever the workers are.

- **work**: what the workers of a run evaluate: the optimizee, its resources, the folder of logs.
- **slot**: room for one trial at a time; there are as many slots as workers that are expected.
- **backlog**: trials that have been submitted and that no worker has.
- **batch**: trials that are sent to a worker in one message.
- **pool**: feeds workers from the backlog, keeps a second batch ready at each, and charges deaths to trials.
- **steal**: to recall trials from a worker that is slow, for others that are idle.
- **charge**: to record a worker's death as the result of the trial that it ran; all other trials it had run elsewhere.
- **afresh**: a failed trial that others ran before in the same process is repeated as the first of a fresh one.
- **listener**: the sockets at which supervisors and workers connect, and clients that have not proved themselves yet.
- **orphaned**: workers whose supervisor is gone without a word.
- **lifeline**: a connection whose end tells the other side that the run is over.
"""
