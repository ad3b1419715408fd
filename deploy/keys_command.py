"""``saferoom keys``: who may use the API."""

import sys
import time
from typing import Annotated, Final

import typer

from deploy import options

app = typer.Typer(help="API keys: who may use the API.", no_args_is_help=True)
_DAY_MS: Final = 24 * 3600 * 1000
#: A hundred years: an end that no calendar has could not be listed, nor any key beside it.
_MOST_DAYS: Final = 36_500


def register(parent: typer.Typer) -> None:
    parent.add_typer(app, name="keys")


@app.command("create")
def create(
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="Whose it is, such as desk.")],
    role: Annotated[
        str, typer.Option("--role", metavar="ROLE", help="viewer, operator or admin.")
    ] = "viewer",
    sites: Annotated[
        str | None,
        typer.Option("--sites", metavar="A,B", help="Sites that it may see; * for all. Default: this one."),
    ] = None,
    days: Annotated[
        int | None, typer.Option("--days", min=1, max=_MOST_DAYS, help="Ends by itself after so long.")
    ] = None,
    home: options.Home = None,
) -> None:
    """Make a key. It is shown once, on standard output; the file keeps a hash of it."""
    from api.access.keys import KeyFile

    settings = options.settings_from(home=home)
    now = _now()
    ends = None if days is None else now + days * _DAY_MS
    wanted = tuple(site.strip() for site in (sites or settings.site_id).split(","))
    file = KeyFile(settings.keys_path)
    first = not any(key.active(now) for key in file.read())
    made, text = file.create(name, role, wanted, now, ends)
    sys.stdout.write(f"{text}\n")
    said = f"key {made.id} of {made.name}, {made.role} of {', '.join(made.sites)}: shown only now"
    if first:
        said += ". An API that runs without keys asks for them once it is started again"
    sys.stderr.write(f"{said}\n")


@app.command("list")
def list_keys(
    home: options.Home = None,
    as_json: options.JsonLines = False,
) -> None:
    """All keys that were made, also those that count no more."""
    import msgspec

    from api.access.keys import KeyFile

    keys = KeyFile(options.settings_from(home=home).keys_path).read()
    if as_json:
        for key in keys:
            facts = msgspec.to_builtins(key) | {"active": key.active(_now())}
            facts.pop("sha256")
            sys.stdout.write(msgspec.json.encode(facts).decode() + "\n")
        return
    from rich.console import Console
    from rich.table import Table

    from reid.contracts.cloudevents import rfc3339

    table = Table("id", "name", "role", "sites", "made", "ends", "state", box=None, pad_edge=False)
    for key in keys:
        ends = "" if key.expires_at is None else rfc3339(key.expires_at)
        state = "active" if key.active(_now()) else "revoked" if key.revoked_at is not None else "ended"
        row = (key.id, key.name, key.role, ", ".join(key.sites), rfc3339(key.created_at), ends, state)
        table.add_row(*row)
    Console().print(table)


@app.command("revoke")
def revoke(
    which: Annotated[str, typer.Argument(metavar="ID|NAME")],
    home: options.Home = None,
) -> None:
    """End a key at once, with every session that began with it."""
    from api.access.keys import KeyFile

    gone = KeyFile(options.settings_from(home=home).keys_path).revoke(which, _now())
    sys.stdout.write(f"revoked {gone.id} of {gone.name}\n")


def _now() -> int:
    return time.time_ns() // 1_000_000
