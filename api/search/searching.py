"""One search from question to answer: probes, filters, the index, the audit, and who is found."""

import base64
import binascii
import hashlib
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final, NamedTuple

import msgspec
from fastapi import HTTPException

from api.access.roles import Caller
from api.asked import asked_by
from api.attributes import looks_of
from api.commands import command_id
from api.context import Context
from api.journeys import in_order
from api.search import models
from api.search.index import Appearance, Found, Index, Probes
from api.search.pictures import BadPicture
from api.search.rows import Looks
from api.search.sightings import asks_for_sightings, of_them, seen_then
from api.search.wanted import Wanted
from api.views import FoundRow
from reid.contracts.audit import SearchMade
from reid.contracts.detections import Model
from reid.contracts.embedding import decode_wire, to_fixed
from reid.errors import PoisonInput

#: So many times more are compared than asked for, where sightings are looked at afterwards; and again.
_MORE: Final = 4
_person: Final = msgspec.json.Decoder(Appearance)


class Question(NamedTuple):
    """``probes``: what to compare with, None: nothing; ``told``: what the audit keeps; ``without``: not to be
    found."""

    probes: Probes | None
    told: Mapping[str, Any]
    without: tuple[str, ...] = ()


class Asked(NamedTuple):
    """Who asks, and what they say of themselves."""

    ctx: Context
    caller: Caller
    said: str


class Answer(NamedTuple):
    """``found``: best first, with their scores, None where nothing was compared."""

    found: list[tuple[FoundRow, float | None]]
    searched: int
    ms: float
    calibrated: bool
    search_id: str


async def question_of(ctx: Context, body: models.AnySearch) -> Question:
    """Raises `HTTPException` 404, 422; `Unavailable`."""
    if isinstance(body, models.SearchByPerson):
        return await of_person(ctx, body.person_id, "person")
    if isinstance(body, models.SearchByImage):
        return await _of_image(ctx, body.image)
    if isinstance(body, models.SearchByAttributes):
        return Question(None, {"kind": "attributes"})
    raw, dims = _unpacked(body.embedding, "embedding"), await ctx.following.ask(lambda index: index.dims())
    if body.model not in dims:
        known = ", ".join(sorted(dims)) or "none"
        raise HTTPException(404, f"nobody is known by the encoder {body.model}; known: {known}")
    try:
        vector = to_fixed(decode_wire(raw, dims[body.model]))
    except PoisonInput as error:
        raise HTTPException(422, str(error)) from error
    return Question({body.model: Looks.of_crop(vector)}, {"kind": "embedding", "model": body.model})


async def of_person(ctx: Context, person_id: str, kind: str) -> Question:
    """By all templates of a person as it is now. Raises `HTTPException` 404, `Unavailable`."""
    (raw,) = await ctx.views.person_documents([person_id])
    if raw is None:
        raise HTTPException(404, f"no person {person_id} in the gallery")
    probes = _person.decode(raw).probes()
    return Question(probes, {"kind": kind, "person_id": person_id}, (person_id,))


async def answer(asked: Asked, question: Question, filters: models.Filters) -> Answer:
    """Written to the audit before it is given. Raises `HTTPException` 422, `Unavailable`."""
    began, ctx = time.perf_counter(), asked.ctx
    wanted = _wanted(filters)
    encoders = await _encoders(ctx)
    found = await _found(ctx, question, encoders, wanted, filters.limit)
    rows = await ctx.views.found([hit.person_id for hit in found.hits])
    there = [
        (rows[hit.person_id], hit.score if question.probes is not None else None)
        for hit in found.hits
        if hit.person_id in rows
    ]
    now = ctx.clock()
    search = SearchMade(
        site_id=ctx.settings.site_id,
        at=now,
        search_id=command_id(now),
        by=asked_by(asked.caller, asked.said),
        role=asked.caller.role.name,
        purpose=filters.purpose,
        limit=filters.limit,
        results=tuple(row.person_id for row, _ in there),
        searched=found.searched,
        since=filters.since,
        until=filters.until,
        cameras=tuple(filters.cameras),
        attributes=filters.attributes,
        **question.told,
    )
    await ctx.asking.record(search)
    took_ms = round((time.perf_counter() - began) * 1000, 1)
    told = all(model in encoders and encoders[model].calibration for model in question.probes or ())
    return Answer(there, found.searched, took_ms, told, search.search_id)


async def _found(
    ctx: Context, question: Question, encoders: Mapping[str, Model], wanted: Wanted, limit: int
) -> Found:
    """The best of those who were seen when and where it is asked for."""
    visits, probes = ctx.journeys, question.probes

    def search(index: Index, most: int) -> Found:
        if probes is None:
            return index.latest(wanted, most)
        return index.search(probes, encoders, wanted, most, question.without)

    timed = asks_for_sightings(wanted)
    then = await seen_then(visits, wanted) if timed else None
    if then is not None:
        wanted = replace(wanted, persons=frozenset(then))
    most = limit if not timed or then is not None else _MORE * limit
    while True:
        found = await ctx.following.ask(partial(search, most=most))
        if not timed or then is not None:
            return found
        seen = await of_them(visits, [hit.person_id for hit in found.hits], wanted)
        hits = [hit for hit in found.hits if hit.person_id in seen]
        if len(hits) >= limit or len(found.hits) < most:
            return Found(hits[:limit], found.searched)
        most *= _MORE


async def _of_image(ctx: Context, image: str) -> Question:
    picture = _unpacked(image, "image")
    try:
        seen = await ctx.looking.seen(picture)
    except BadPicture as error:
        raise HTTPException(422, str(error)) from error
    model = seen.model.key
    dims = await ctx.following.ask(lambda index: index.dims())
    if dims and model not in dims:
        raise HTTPException(
            409,
            f"the embedder uses {model}, but persons are known by {', '.join(sorted(dims))}: start it with "
            "the same SAFEROOM_EMBEDDER as the cameras",
        )
    told = {"kind": "image", "picture_sha256": hashlib.sha256(picture).hexdigest(), "model": model}
    return Question({model: Looks.of_crop(seen.vector)}, told)


async def _encoders(ctx: Context) -> dict[str, Model]:
    """Encoder -> what its cameras say of it."""
    reports = (await ctx.views.cameras()).values()
    return {report.model.key: report.model for report in reports if report.model is not None}


def _wanted(filters: models.Filters) -> Wanted:
    in_order(filters.since, filters.until)
    attributes = looks_of(filters.attributes) if filters.attributes.strip() else ()
    return Wanted(filters.since, filters.until, tuple(filters.cameras), attributes)


def _unpacked(text: str, what: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise HTTPException(422, f"{what} is not base64: {error}") from error
