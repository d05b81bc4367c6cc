"""The command `buckler`: the same program as the binary."""

import signal
import sys

from buckler._buckler import main as command


def main() -> int:
    """Run the command with the process's arguments, and give its exit code."""
    # Python's own handler only notes a Ctrl-C for Python code to come, and there is none. What
    # serves takes the signal over.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    return command(["buckler", *sys.argv[1:]], sys.executable or None)


if __name__ == "__main__":
    sys.exit(main())
