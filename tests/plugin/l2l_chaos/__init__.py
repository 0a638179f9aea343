"""Plugins for l2l: a (1+λ) evolution strategy, the logistic map, and a launcher that uses threads."""
