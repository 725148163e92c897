"""The `course` command: one file per sub-command."""

import typer

from . import build, check, data, doctor, lab, run

app = typer.Typer(
    name="course",
    help="Open, run, build and check the deep-learning course.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(lab.lab)
app.command()(run.run)
app.add_typer(data.app)
app.command()(doctor.doctor)
app.command()(build.build)
app.command()(check.check)
