"""Where the `pulmo` command starts."""

import sys
from functools import partial


def main() -> None:
    """Run the command line; a user's mistake ends with exit code 1 and no traceback."""
    from pulmo.cli.app import command_line
    from pulmo.commands.console import quietly
    from pulmo.pipeline.log import set_quiet

    set_quiet(False)  # until an option says otherwise
    quietly(partial(command_line(), args=sys.argv[1:], prog_name="pulmo"), as_json="--json" in sys.argv)


if __name__ == "__main__":
    main()
