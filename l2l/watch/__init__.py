"""Runs as they stand, from their folders alone, while they run and afterwards.

All of it runs in the process of whoever looks, on any machine that sees the folder. A `Follower` reads what the journal
has gained since it looked last; of a long run it takes what is older from the archive, once. A `View` is what it knows
at one instant, and the screens are made of views. Nothing here is written, locked or waited for by the run.
"""
