"""Views as of a moment, many of which are held and let go."""

import gc
import weakref

import pytest
from fastapi import HTTPException

from deploy.past import NoCommands, Past
from deploy.timeline import _set_aside
from reid.contracts.audit import SearchMade


def test_a_past_that_nobody_holds_any_more_is_gone_at_once() -> None:
    """It was in a ring with its store: all of it stayed until the garbage collector came, for 0.3 s."""
    gc.disable()
    try:
        start = Past(1_000)
        past = Past(2_000, start)
        views = weakref.ref(past.store)
        past.settle()
        del past
        assert views() is None
    finally:
        gc.enable()


def test_what_is_held_is_passed_over_by_the_garbage_collector() -> None:
    frozen, held = gc.get_freeze_count(), [[number] for number in range(100)]
    _set_aside()
    assert gc.get_freeze_count() - frozen >= len(held)


async def test_a_search_of_the_past_is_refused_not_put_off() -> None:
    """503 said to ask again; `saferoom replay --serve` has nothing but the past."""
    search = SearchMade(
        site_id="global",
        at=1,
        search_id="s",
        by="api",
        role="viewer",
        purpose="why",
        kind="similar",
        limit=5,
        results=(),
        searched=0,
    )
    with pytest.raises(HTTPException, match="the live API") as refused:
        await NoCommands().record(search)
    assert refused.value.status_code == 405
