"""What `saferoom verify` prints and writes."""

import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from deploy.verify.findings import Check, Findings
from deploy.verify.run import Totals
from reid.errors import ConfigError


def show(console: Console, findings: Findings, totals: Totals) -> None:
    """A short table; then the first differences of each check."""
    table = Table("check", "looked at", "differences", box=None, pad_edge=False)
    for check in Check:
        count = findings.differences[check]
        table.add_row(
            check.value, f"{findings.examined[check]:,}", f"[red]{count:,}[/]" if count else "[green]0[/]"
        )
    console.print(table)
    for check in Check:
        for what in findings.kept[check]:
            console.print(f"[red]differs[/] {what}", highlight=False)
    for note in findings.notes:
        console.print(f"[dim]note[/] {note}", highlight=False)
    for what in findings.unchecked:
        console.print(f"[yellow]not checked[/] {what}", highlight=False)
    verdict = ("[red]the log differs[/]", "[green]clean[/]", "[yellow]clean as far as it was checked[/]")
    console.print(
        f"{verdict[0 if not findings.clean else 2 if findings.unchecked else 1]}: {totals.inputs:,} inputs, "
        f"{totals.frames:,} frames, {totals.events:,} events, {totals.alerts:,} alert events "
        f"in {totals.seconds:.1f} s",
        highlight=False,
    )


def write(path: Path, findings: Findings, totals: Totals) -> None:
    """Raises `ConfigError` when the file can't be written."""
    said = findings.as_dict() | {
        "inputs": totals.inputs,
        "frames": totals.frames,
        "events": totals.events,
        "alerts": totals.alerts,
        "seconds": round(totals.seconds, 2),
        "partitions": totals.per_partition,
    }
    try:
        path.write_text(json.dumps(said, indent=2) + "\n")
    except OSError as error:
        raise ConfigError(f"can't write {path} ({error.strerror}): give --json another path") from error
