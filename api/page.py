"""The page at ``/``: who is where, live. It loads nothing from anywhere else."""

import base64
import hashlib
import re
from importlib.resources import files
from typing import Final

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from api.access.roles import Role, needs

router = APIRouter(include_in_schema=False)

HTML: Final = files("api").joinpath("static/index.html").read_text()


def _hashes(tag: str) -> str:
    """CSP sources that allow exactly the page's own inline blocks of this tag."""
    blocks = re.findall(rf"<{tag}>(.*?)</{tag}>", HTML, re.DOTALL)
    return " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(block.encode()).digest()).decode()}'" for block in blocks
    )


HEADERS: Final = {
    "Content-Security-Policy": (
        f"default-src 'none'; script-src {_hashes('script')}; style-src {_hashes('style')}; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


@router.get("/")
@needs(Role.open)
async def index() -> HTMLResponse:
    return HTMLResponse(HTML, headers=HEADERS)
