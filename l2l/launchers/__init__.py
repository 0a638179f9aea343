"""Launchers: they carry the inner loop to where it runs."""
