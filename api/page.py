"""The live page at ``/``: files of ``api/page/``, which load nothing from anywhere else."""

import gzip
import hashlib
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Annotated, Final

from fastapi import APIRouter, Header, HTTPException, Request, Response
from fastapi.responses import JSONResponse

from api.access.roles import Role, needs
from api.packed import takes_gzip
from reid.runtime.crops.base import NoCrops

router = APIRouter(include_in_schema=False)

_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
#: No inline script or style, no other origin. Pictures come by requests with the key, hence ``blob:``.
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    # Kept, and asked about each time: a new version is never mixed with an old one.
    "Cache-Control": "no-cache",
    "Vary": "Accept-Encoding",
}
_NOTHING_NEW: Final = ("ETag", "Cache-Control", "Vary", "Content-Security-Policy")


@dataclass(frozen=True, slots=True)
class Asset:
    body: bytes
    packed: bytes
    headers: dict[str, str]

    @classmethod
    def of(cls, name: str, body: bytes) -> "Asset":
        etag = f'"{hashlib.sha256(body).hexdigest()[:24]}"'
        kind = _TYPES[name.rpartition(".")[2]]
        return cls(body, gzip.compress(body, mtime=0), HEADERS | {"Content-Type": kind, "ETag": etag})

    def answer(self, known: str, encodings: str) -> Response:
        """``known``, ``encodings``: headers If-None-Match and Accept-Encoding."""
        if self.headers["ETag"] in known:
            return Response(status_code=304, headers={name: self.headers[name] for name in _NOTHING_NEW})
        if takes_gzip(encodings):
            return Response(self.packed, headers=self.headers | {"Content-Encoding": "gzip"})
        return Response(self.body, headers=self.headers)


def _found(folder: Traversable, prefix: str = "") -> dict[str, Asset]:
    assets: dict[str, Asset] = {}
    for entry in folder.iterdir():
        if entry.is_dir():
            assets |= _found(entry, f"{prefix}{entry.name}/")
        elif entry.name.rpartition(".")[2] in _TYPES:
            assets[prefix + entry.name] = Asset.of(entry.name, entry.read_bytes())
    return assets


#: Read once: a name that is not here is no path of ours, whatever it points at.
ASSETS: Final = _found(files("api").joinpath("page"))

Known = Annotated[str, Header(alias="if-none-match")]
Encodings = Annotated[str, Header(alias="accept-encoding")]


@router.get("/")
@needs(Role.open)
async def index(known: Known = "", encodings: Encodings = "") -> Response:
    return ASSETS["index.html"].answer(known, encodings)


@router.get("/page/routes.json")
@needs(Role.open)
async def routes(request: Request) -> JSONResponse:
    """What this API offers: the page asks for nothing that is not there, and shows no part without it."""
    described = set(request.app.openapi()["paths"])
    if isinstance(request.app.state.context.crops, NoCrops):
        described -= {"/persons/{person_id}/crops", "/crops/{sha256}.jpg"}
    return JSONResponse({"routes": sorted(described)}, headers={"Cache-Control": "no-cache"})


@router.get("/page/{name:path}")
@needs(Role.open)
async def asset(name: str, known: Known = "", encodings: Encodings = "") -> Response:
    found = ASSETS.get(name)
    if found is None:
        raise HTTPException(404, f"the page has no file {name}")
    return found.answer(known, encodings)
