from pathlib import Path

import pytest

from deploy.export import Export, _filter
from deploy.export_rows import COLUMNS
from reid.errors import ConfigError


@pytest.mark.parametrize(
    "name", ["reid.policy.adopted.v1", "reid.policy.adopted.v2", "reid.policy.adopted.v4"]
)
def test_events_of_other_versions_were_left_out_by_a_pattern(name: str) -> None:
    """``--type 'reid.policy.*'`` was held against this version's types: an old log lost its first rules."""
    row = {**dict.fromkeys(COLUMNS), "type": name}
    assert _filter(Export(Path("-"), types=("reid.policy.*",)))(row)
    assert not _filter(Export(Path("-"), types=("reid.person.*",)))(row)


def test_a_former_type_may_be_named() -> None:
    row = {**dict.fromkeys(COLUMNS), "type": "reid.policy.adopted.v1"}
    assert _filter(Export(Path("-"), types=("reid.policy.adopted.v1",)))(row)
    with pytest.raises(ConfigError, match="none of"):
        _filter(Export(Path("-"), types=("reid.person.sene.v1",)))
