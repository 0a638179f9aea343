"""`python -m l2l.compat script.py`: run a script of the other framework as it is."""

import argparse
import runpy
import sys
from pathlib import Path

from l2l.compat.importing import marked, upstream
from l2l.errors import L2LError, UserError


def main(arguments: list[str] | None = None) -> int:
    """Run a script; its own arguments follow its name.

    Returns:
        0; 1 where the run failed; 2 where the user's input is wrong; 130 on Ctrl-C.
    """
    parser = argparse.ArgumentParser(prog="python -m l2l.compat", description=__doc__)
    parser.add_argument("--upstream", metavar="FOLDER", help="a copy of the other framework's repository")
    parser.add_argument("script", help="the script")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="of the script")
    given = parser.parse_args(arguments)
    script = Path(given.script)
    if not script.is_file():
        parser.error(f"there is no file {script}")
    sys.argv = [given.script, *given.arguments]
    sys.path.insert(0, str(script.absolute().parent))
    try:
        with upstream(given.upstream):
            runpy.run_path(str(script.absolute()), init_globals=marked(), run_name="__main__")
    except L2LError as error:
        sys.stderr.write(f"{script}: {error}\n")
        return 2 if isinstance(error, UserError) else 1
    except KeyboardInterrupt:
        sys.stderr.write(f"{script}: interrupted; run it again to go on where it stopped\n")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
