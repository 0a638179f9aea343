"""The folder that joins Python's path where a model was loaded from a file.

Processes that the model starts inherit that path, and import the model's functions through the package in it.
"""
