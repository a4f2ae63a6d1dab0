"""The ``gantools`` command. Adding a command: a file with a function ``command``, and its name in ``COMMANDS``.

A command that has commands of its own is a file with a Typer ``app`` instead.

Command files import nothing heavy at the top, so that ``gantools --help`` stays instant and free of torch.
"""

from __future__ import annotations

import errno
import importlib
import os
import sys
from typing import Annotated

import typer

COMMANDS = (
    "quickstart",
    "data",
    "train",
    "export",
    "optimize",
    "verify",
    "bench",
    "sample",
    "reconstruct",
    "enhance",
    "video",
    "compare",
    "interpolate",
    "evaluate",
    "bundle",
    "serve",
    "inspect",
    "doctor",
)

app = typer.Typer(
    name="gantools",
    help="Train, export, optimize, prove, measure and embed generators of images and texts.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help renders in half the time
)


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if version:
        import gantools

        typer.echo(gantools.__version__)
        raise typer.Exit


for _name in COMMANDS:
    _module = importlib.import_module(f"gantools.cli.{_name}")
    if hasattr(_module, "app"):
        app.add_typer(_module.app, name=_name)
    else:
        app.command(_name)(_module.command)


def main() -> None:
    """Run the command line. A ``GantoolsError`` becomes a sentence, a hint and an exit code; a bug keeps its trace."""
    from gantools.core.errors import GantoolsError

    try:
        app()
    except GantoolsError as err:
        typer.echo(f"error: {err.message}", err=True)
        if err.hint:
            typer.echo(f"  hint: {err.hint}", err=True)
        sys.exit(err.exit_code)
    except BrokenPipeError:
        # The reader of a pipe has gone; Python would complain again when it flushes stdout at exit.
        sys.stderr.close()
        sys.exit(1)
    except OSError as err:
        # Files are written by functions that name them, so one without a name is where results go.
        if err.filename is not None or err.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is still to be flushed
        typer.echo(f"error: cannot write to standard output: {err.strerror}.", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
