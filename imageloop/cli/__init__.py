"""The command line. Nothing heavy is imported before a command that needs it runs.

Exit 0 when done, 1 with one line on stderr for anything a person can put right, 130 after Ctrl-C.
"""

import errno
import os
import sys
from collections.abc import Sequence

import typer

from imageloop.cli import commands
from imageloop.cli.compare import compare
from imageloop.cli.importing import import_folder
from imageloop.cli.run import run
from imageloop.errors import ImageloopError

OUTSIDE = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS)
"""What only the person at the machine can put right; any other OSError is a mistake of this package and shows its traceback."""

app = typer.Typer(
    name="imageloop",
    help="Describe a picture, draw the description, describe that drawing, and so on; then measure what got lost.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(run)
app.command()(commands.measure)
app.command()(commands.measures)
app.command()(compare)
app.command()(commands.report)
app.command("import")(import_folder)
app.command()(commands.models)
app.command()(commands.doctor)


@app.callback(invoke_without_command=True)
def _version(version: bool = typer.Option(False, "--version", help="Print the version and leave.")) -> None:
    if version:
        from importlib.metadata import PackageNotFoundError
        from importlib.metadata import version as installed

        try:
            typer.echo(installed("imageloop"))
        except PackageNotFoundError:
            typer.echo("imageloop, not installed: run from its folder")
        raise typer.Exit


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command with the process's arguments, or those given, and exit with its code."""
    sys.exit(exit_code(arguments))


def exit_code(arguments: Sequence[str] | None = None) -> int:
    """Run the command and give its exit code; errors for people become one line on stderr."""
    try:
        code = app(args=None if arguments is None else list(arguments), prog_name="imageloop", standalone_mode=False)
    except ImageloopError as error:
        return _say(str(error), 1)
    except typer.TyperException as error:
        return _say(f"{error.format_message() or 'no command'}; imageloop --help shows what can be typed", 1)
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that the interpreter's own flush at exit stays quiet
        return 1
    except OSError as error:
        if error.errno not in OUTSIDE:
            raise
        return _say(f"{error.filename or 'a file'}: {error.strerror}; put that right and type the same command again", 1)
    if code == 130:  # typer makes this of Ctrl-C itself, and says nothing
        return _say("stopped; every finished round is kept: type the same command to go on", 130)
    return code if isinstance(code, int) else 0


def _say(text: str, code: int) -> int:
    line = " ".join(text.split())
    sys.stderr.write("imageloop: " + "".join(c if c.isprintable() else "�" for c in line) + "\n")
    return code
