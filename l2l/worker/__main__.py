"""An evaluating process: `python -m l2l.worker`, started by a launcher and of no use by hand."""

import sys
from pathlib import Path

try:
    import l2l  # noqa: F401 - as installed
except ImportError:  # run from a source tree that is on nobody's path
    sys.path.append(str(Path(__file__).absolute().parents[2]))

from l2l.worker.serve import main

if __name__ == "__main__":
    main(sys.argv[1:])
