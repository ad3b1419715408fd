"""``docs/settings.md``, generated from `Settings`: ``python -m reid.runtime.settings_table``."""

import json
import sys
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import AliasChoices
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from reid.runtime.settings import Settings

DOCUMENT: Final = Path("docs/settings.md")
#: Defaults that depend on the machine, as an operator would write them.
_SYMBOLIC: Final = {"home": "`$XDG_STATE_HOME/saferoom` (`~/.local/state/saferoom`)"}
_HEAD: Final = """# Settings

Read from the environment, then from `.env` in the working directory; a command's option goes before both.
Generated from `reid/runtime/settings.py` by `python -m reid.runtime.settings_table`; a test keeps it current.

"""


def environment_names(name: str, field: FieldInfo) -> tuple[str, ...]:
    """Every variable that sets ``field``, the one to recommend first."""
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        return tuple(choice for choice in alias.choices if isinstance(choice, str))
    if isinstance(alias, str):
        return (alias,)
    return (f"{Settings.model_config['env_prefix']}{name}".upper(),)


def all_environment_names() -> frozenset[str]:
    """Every variable that `Settings` reads, aliases included."""
    return frozenset(
        variable
        for name, field in Settings.model_fields.items()
        for variable in environment_names(name, field)
    )


def settings_table() -> str:
    """One Markdown table row a setting, in the order of the class."""
    rows = [("Variable", "Type", "Default", "Meaning"), ("---", "---", "---", "---")]
    for name, field in Settings.model_fields.items():
        variables = " or ".join(f"`{variable}`" for variable in environment_names(name, field))
        rows.append((variables, _type(field), _default(name, field), field.description or ""))
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |\n" for row in rows)


def document() -> str:
    """The whole of ``docs/settings.md``."""
    return _HEAD + settings_table()


def _type(field: FieldInfo) -> str:
    kind = field.annotation
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(f"`{choice}`" for choice in get_args(kind))
    if get_origin(kind) is dict:
        return "JSON object"
    plain = next((part for part in get_args(kind) if part is not type(None)), kind)
    name = getattr(plain, "__name__", str(plain)).lower()
    return " ".join([{"str": "text", "secretstr": "text"}.get(name, name), *_bounds(field)])


def _bounds(field: FieldInfo) -> list[str]:
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    found: list[str] = []
    for constraint in field.metadata:
        for attribute, sign in signs.items():
            bound: Any = getattr(constraint, attribute, None)
            if bound is not None:
                found.append(f"{sign} {bound:g}")
    return [", ".join(found)] if found else []


def _default(name: str, field: FieldInfo) -> str:
    if name in _SYMBOLIC:
        return _SYMBOLIC[name]
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is PydanticUndefined:
        return "required"
    if value is None:
        return "unset"
    return f"`{json.dumps(value) if isinstance(value, dict | list) else value}`"


def main() -> None:
    Path(sys.argv[1] if len(sys.argv) > 1 else DOCUMENT).write_text(document())


if __name__ == "__main__":
    main()
