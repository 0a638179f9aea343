"""`python -m l2l.cli`: the command line without its script."""

import sys

from l2l.cli import main

sys.exit(main())
