"""Contract tests that authors of plugins inherit."""
