"""What `saferoom demo` tells whoever started it."""

import re
import shlex
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rich.console import Console

from deploy.demo import _again, _introduce
from reid.runtime.settings import Settings
from tests.component.api.world import World


def test_an_address_that_it_named_was_not_there(make_settings: Callable[..., Settings]) -> None:
    """`/docs`, for the documentation: 404."""
    told = StringIO()
    run: Any = SimpleNamespace(stack=SimpleNamespace(api="http://api"), console=Console(file=told, width=80))
    _introduce(run)
    paths = set(re.findall(r"http://api(/[\w./]*)", told.getvalue()))
    assert {"/openapi.json", "/persons"} <= paths
    with World(make_settings()).client() as client:
        assert {path: client.get(path).status_code for path in paths} == dict.fromkeys(paths, 200)


def test_a_folder_with_a_space_was_two_arguments_of_the_command_to_see_it_again() -> None:
    told = _again(Settings(home=Path("/data/my site")))
    assert shlex.split(told)[-2:] == ["--home", "/data/my site"]
