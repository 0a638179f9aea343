"""What travels between the processes of a run, and how it travels."""
