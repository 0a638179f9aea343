"""The launcher `jube`: trials as work packages of JUBE."""
