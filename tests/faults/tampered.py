"""`l2l …`, whose calls are tampered with by its parent."""

import sys

from l2l.cli import main
from tests.faults.tracer import begin

if __name__ == "__main__":
    begin()
    sys.exit(main())
