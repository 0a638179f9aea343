"""`python -m l2l.cli`: the command line without its script."""

import sys

from l2l.cli import main

if __name__ == "__main__":  # ranks of mpi4py.futures import what rank 0 runs
    sys.exit(main())
