"""The command line: ``ferrolm COMMAND ...``. Data goes to standard output, the rest to standard error."""

from ferrolm.cli.main import main

__all__ = ["main"]
