"""The command `course data`."""

import typer

app = typer.Typer(name="data", help="List, fetch ahead, verify and remove data.", no_args_is_help=True)


@app.command("list")
def list_sets() -> None:
    """Stub."""
