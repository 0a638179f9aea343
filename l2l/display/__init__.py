"""What a person sees of a run: its progress, and tables, on a terminal, in a log and in a pipe."""
