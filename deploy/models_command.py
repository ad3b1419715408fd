"""``saferoom models``: what other people's models are known, fetching them, what they cost; ``calibrate``."""

import json
import sys
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Final
from urllib.parse import urlsplit, urlunsplit

import typer

from deploy import options

models_app = typer.Typer(help="Models of others: list, fetch, compare.", no_args_is_help=True)
_MIB: Final = 1 << 20
_HTTP: Final = ("http://", "https://")
#: Of files, where a mirror's folder has none.
_SUFFIXES: Final = frozenset({".onnx", ".xml", ".bin"})


def register(app: typer.Typer) -> None:
    app.add_typer(models_app, name="models")
    app.command()(calibrate)


@models_app.command("list")
def list_models(
    home: options.Home = None,
    directory: Annotated[
        list[Path] | None, typer.Option("--in", metavar="DIR", help="Look here too; repeatable.")
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Name, kind, dimension, size, and where it is; below it licence and terms."""
    from producers.models.catalogue import entries
    from producers.models.store import located, models_directory
    from reid.errors import ConfigError

    for place in directory or []:
        if not place.is_dir():
            raise ConfigError(f"--in {place}: {'not a' if place.exists() else 'no such'} directory")
    where = [models_directory(options.settings_from(home=home).home), *(directory or [])]
    found = [(entry, *located(entry, where)) for entry in entries()]
    if as_json:
        rows = [_facts(entry, state, path) for entry, state, path in found]
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
        return
    for entry, state, path in found:
        size, dim = f"{entry.size / _MIB:.1f} MiB" if entry.size else "", str(entry.dim or "")
        line = f"{entry.name:36s} {entry.kind:9s} {dim:>4s} {size:>9s}  {state}"
        needs = f"; needs the package {entry.needs}" if entry.needs else ""
        sys.stdout.write(f"{line}{f': {path}' if path else ''}\n    {entry.licence}; {entry.terms}{needs}\n")


@models_app.command("fetch")
def fetch(
    name: Annotated[str, typer.Argument(help="As `saferoom models list` names it.")],
    home: options.Home = None,
    origin: Annotated[
        str | None,
        typer.Option("--from", metavar="URL|DIR|FILE", help="A mirror's folder, or where the file lies."),
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="DIR", help="Default: models in the state directory.")
    ] = None,
) -> None:
    """Fetch a model: goes on where it stopped, and checks its SHA-256. Prints the path for --embedder."""
    from producers.models.catalogue import entries, entry_named
    from producers.models.fetch import Fetcher
    from producers.models.store import models_directory
    from reid.errors import ConfigError

    entry = entry_named(name)
    if entry is None:
        raise ConfigError(f"no model {name}: there are {', '.join(e.name for e in entries())}")
    if entry.built_in:
        raise ConfigError(f"{name} is built in: there is nothing to fetch")
    directory = to or models_directory(options.settings_from(home=home).home)
    fetcher = Fetcher(directory, _meter() if sys.stderr.isatty() else None)
    sources = [_source(origin, part.name, part.url, entry.source) for part in entry.files]
    paths = [fetcher.fetch(part, source) for part, source in zip(entry.files, sources, strict=True)]
    sys.stdout.write(f"{paths[0]}\n")
    needs = f"; needs the package {entry.needs}" if entry.needs else ""
    sys.stderr.write(f"{entry.name}: {entry.licence}; {entry.terms}{needs}\n")


@models_app.command("bench")
def bench(
    models: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME|PATH]...", help="Default: every model at hand.")
    ] = None,
    home: options.Home = None,
    rounds: Annotated[int, typer.Option(min=1, help="Calls of each size.")] = 20,
    batch: Annotated[
        list[int] | None, typer.Option("--batch", min=1, max=32, help="Crops in a call; repeatable.")
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Processor time a crop (detectors: a 640×480 frame) and peak memory, as ratios to the default model.
    One thread; the models take turns."""
    from dataclasses import asdict

    from producers.detect.select import BUILT_IN
    from producers.models.bench import bench as run
    from producers.models.kind import kind_of
    from producers.models.store import resolved

    settings = options.settings_from(home=home)
    wanted = [resolved(model, settings.home) for model in models or _at_hand(settings.home)]
    kinds = {kind_of(model) for model in wanted}
    fields = type(settings).model_fields
    defaults = {"encoder": fields["embedder"].default, "detector": BUILT_IN}
    first = [str(defaults[kind]) for kind in ("encoder", "detector") if kind in kinds]
    costs = run(list(dict.fromkeys([*first, *wanted])), batch or [1, 8], rounds)
    if as_json:
        sys.stdout.write(json.dumps([asdict(cost) for cost in costs], indent=2) + "\n")
        return
    base = {cost.kind: cost for cost in costs if cost.setting in first}
    for cost in costs:
        one = base[cost.kind]
        times = "   ".join(
            f"batch {size}: {ms:6.1f} ms, {ms / one.median_ms[size]:5.2f} x"
            for size, ms in cost.median_ms.items()
        )
        name, memory = Path(cost.setting).stem, f"{cost.peak_mib:5.0f} MiB"
        sys.stdout.write(f"{name:36s} {times}   peak {memory}, {cost.peak_mib / one.peak_mib:4.2f} x\n")


def calibrate(
    model: Annotated[str, typer.Argument(metavar="NAME|PATH", help="An encoder.")],
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Crops named {person}_c{camera}s1_{index}_00.jpg.")
    ],
    home: options.Home = None,
    max_people: Annotated[int | None, typer.Option("--max-people", min=1, help="The first so many.")] = None,
    distractors: options.Distractors = "auto",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing; print the knots.")] = False,
) -> None:
    """Measure where 1 % of strangers lie, and write it into the model's sidecar as similarity 0.6."""
    from producers.embed.measure import CROPS_A_TRACK, calibrated, embedded
    from producers.embed.select import open_embedder
    from producers.models.store import resolved
    from producers.sidecar import new_sidecar, read, sidecar_of, write
    from reid.errors import ConfigError

    setting = resolved(model, options.settings_from(home=home).home)
    path = Path(setting).expanduser()
    if not dry_run and not path.is_file():
        raise ConfigError(
            f"{model}: not a model file; a built-in encoder's knots are only shown, with --dry-run"
        )
    gallery, _cost = embedded(directory, open_embedder(setting), max_people, CROPS_A_TRACK, distractors)
    found = calibrated(gallery, directory.resolve().name)
    facts: dict[str, Any] = {
        "calibration": found.knots,
        "agreement": found.agreement,
        "calibrated_on": found.measured_on,
    }
    if dry_run:
        sys.stdout.write(json.dumps(facts) + "\n")
        return
    old = sidecar_of(path)
    write(old or new_sidecar(path), {**(read(old) if old else {}), **facts})
    sys.stdout.write(f"{old or new_sidecar(path)}: {json.dumps(facts)}\n")


def _source(origin: str | None, name: str, url: str | None, words: str) -> "str | Path":
    """Where to get a file: ``--from`` before the catalogue. Raises `ConfigError` when neither says."""
    from reid.errors import ConfigError

    if origin is None:
        if url is None:
            raise ConfigError(
                f"{name}: no address is known for certain. Source: {words}. Get it there and name it with "
                "--from FILE|DIR|URL: its SHA-256 is checked"
            )
        return url
    suffix = Path(name).suffix
    if origin.startswith(_HTTP):
        address = urlsplit(origin)
        place = PurePosixPath(address.path)
        file = place.with_suffix(suffix) if place.suffix in _SUFFIXES else place / name
        return urlunsplit(address._replace(path=str(file)))
    if "://" in origin:
        raise ConfigError(f"--from {origin}: an address begins with http:// or https://")
    path = Path(origin).expanduser()
    if path.is_dir():
        return path / name
    # Whatever the file is called: its SHA-256 says what it is. Of two files the other lies beside it.
    own = path.with_suffix(suffix) if path.suffix in _SUFFIXES else path
    return own if own.is_file() or not path.with_name(name).is_file() else path.with_name(name)


def _at_hand(home: Path) -> list[str]:
    """The built-in models, and those of the catalogue that were fetched and can run here."""
    from importlib.util import find_spec

    from producers.models.catalogue import entries
    from producers.models.store import located, models_directory

    found = [(entry, *located(entry, [models_directory(home)])) for entry in entries()]
    for entry, _, path in found:
        if path and entry.needs and not find_spec(entry.needs):
            sys.stderr.write(f"{entry.name}: left out, the package {entry.needs} is not installed\n")
    return [
        entry.name if entry.built_in else str(path)
        for entry, _, path in found
        if entry.built_in or (path and (not entry.needs or find_spec(entry.needs)))
    ]


def _facts(entry: Any, state: str, path: Path | None) -> dict[str, Any]:
    import msgspec

    return {**msgspec.to_builtins(entry), "size": entry.size, "state": state, "path": path and str(path)}


def _meter() -> Any:
    def show(name: str, done: int, size: int) -> None:
        sys.stderr.write(f"\r{name}: {done / _MIB:.1f} of {size / _MIB:.1f} MiB" + "\n" * (done == size))

    return show
