"""Views as of a moment, many of which are held and let go."""

import asyncio
import gc
import weakref
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from fastapi import HTTPException

from api.access.gate import Gate
from api.moments import SITE
from deploy.past import NoCommands, Past
from deploy.past import app_of as app_as_of
from deploy.past_server import app_of
from deploy.replay_command import moment_of
from deploy.timeline import Timeline, _set_aside
from reid.contracts.audit import SearchMade
from reid.errors import ConfigError
from reid.runtime.crops.select import open_crops
from reid.runtime.settings import Settings
from tests.unit.projections.logs import project
from tests.unit.projections.story import START, registered, seen


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


@pytest.mark.parametrize(
    ("bound", "asked", "status"),
    [("0.0.0.0", "past:8100", 200), ("127.0.0.1", "127.0.0.1:8100", 200), ("127.0.0.1", "evil.example", 403)],
)
async def test_the_api_of_another_container_asks_the_past_by_its_name(
    tmp_path: Path, bound: str, asked: str, status: int
) -> None:
    """The past that only loopback reaches answers to names of loopback alone, others to any."""
    settings = Settings(home=tmp_path, past_host=bound)
    transport = httpx.ASGITransport(app_of(settings, cast(Timeline, None)))
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{asked}") as client:
        assert (await client.get("/openapi.json")).status_code == status


async def test_each_answer_of_the_past_says_of_which_site_it_is(make_settings: Any) -> None:
    """Refusals too: an API of another site hands none of them on."""
    app = app_of(make_settings(site_id="ännex"), cast(Timeline, None))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8100"
    ) as client:
        for answer in (await client.get("/healthz"), await client.post("/persons/reset")):
            assert answer.headers[SITE] == "%C3%A4nnex"


@pytest.mark.parametrize("at", ["99999999999999999", "1e3", "-5", "0001-01-01T00:00:00", "soon", ""])
def test_a_moment_that_no_calendar_has_was_a_traceback_after_the_whole_log(at: str) -> None:
    with pytest.raises(ConfigError, match="give a time such as"):
        moment_of(at)
    assert moment_of("2025-11-05T12:10:58.197Z") == moment_of("1762344658197")


async def test_two_who_asked_at_once_about_two_moments_got_the_answer_of_one(make_settings: Any) -> None:
    """The reading of the one answered the other too: a third of the answers, while a slider was moved."""
    moments = {START + n: Past(START + n) for n in range(8)}
    for n, past in enumerate(moments.values()):
        project(past.store, [registered(f"p{i}", i, f"Visitor-{n}", START) for i in range(n + 1)])

    class Known:
        def at(self, moment: int, counted: bool = True) -> Past:
            return moments[moment]

    app = app_of(make_settings(), cast(Timeline, Known()))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8100"
    ) as client:
        for path, told in (("/persons", "persons"), ("/persons/p0", "label")):
            answers = await asyncio.gather(
                *(client.get(f"{path}?at={at}") for _ in range(5) for at in moments)
            )
            for at, answer in zip([*moments] * 5, answers, strict=True):
                n, body = at - START, answer.json()[told]
                assert body == f"Visitor-{n}" if told == "label" else len(body) == n + 1


async def test_the_past_gave_pictures_of_who_was_forgotten_since(make_settings: Any) -> None:
    """Until their files were deleted: of that moment nobody can tell who is forgotten now."""
    settings, past = make_settings(), Past(START + 1_000)
    name = open_crops(settings).put("global", b"a picture")
    project(past.store, [registered("a", 0, "A"), seen("a", "A", crop=name, crop_quality=0.8)])
    transport = httpx.ASGITransport(app_as_of(past, settings, Gate.off()))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        assert (await client.get("/persons/a")).status_code == 200
        assert (await client.get(f"/crops/{name}.jpg")).status_code == 404
        assert "/persons/{person_id}/crops" not in (await client.get("/page/routes.json")).json()["routes"]
