"""The launcher `executor`: trials as tasks of other people's executors."""
