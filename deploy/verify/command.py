"""``saferoom verify`` as the CLI calls it."""

from pathlib import Path

from deploy.places import check_places
from deploy.session import console_for_people
from deploy.verify import report
from deploy.verify.run import verify
from reid.runtime.settings import Settings


def run(settings: Settings, wait_s: float, with_views: bool, json_file: Path | None) -> int:
    """Exit code: 0 clean, 1 something differs, 2 not all could be checked."""
    check_places(json_file)
    findings, totals = verify(settings, wait_s, with_views)
    report.show(console_for_people(), findings, totals)
    if json_file is not None:
        report.write(json_file, findings, totals)
    return findings.exit_code
