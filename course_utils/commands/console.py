"""Where the commands print, and how they give up."""

import sys
from typing import NoReturn

import typer
from rich.console import Console

for stream in (sys.stdout, sys.stderr):
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="replace")  # a Windows log file may not know "≥"

console = Console()
errors = Console(stderr=True)


def say(text: str, where: Console | None = None, style: str = "") -> None:
    """Print text as it is: no markup, no colours of its own, no line break inside a path or an address.

    Args:
        text: What to say.
        where: `errors`, or the ordinary output when None.
        style: A rich style for the whole text.
    """
    (where or console).print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def fail(message: str, code: int = 1) -> NoReturn:
    """Print an error without a traceback and leave the command.

    Args:
        message: What came, then what to pass or do.
        code: Exit code, 1 for a failure, 2 for a wrong call.

    Raises:
        typer.Exit: Always.
    """
    errors.print("Error:", style="bold red", end=" ")
    say(message, errors)
    raise typer.Exit(code)
