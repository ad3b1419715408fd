"""`saferoom evaluate` as from the command line, in this process."""

from typer.testing import CliRunner

from deploy.cli import app


def evaluate(*arguments: str) -> str:
    """What it prints. What it raises is raised here."""
    result = CliRunner().invoke(app, ["evaluate", *arguments])
    if result.exception is not None:
        raise result.exception
    return result.output
