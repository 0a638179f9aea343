"""What runs in the leader: the backlog of trials, its view of the workers, and where they connect."""
