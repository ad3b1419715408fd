"""One HTML page of results that needs nothing else: no script, no style sheet, no request to anywhere.

Its thumbnails are of the user's own data; the page is for looking at here, and says so.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from deploy.evaluate.tables import shown
from deploy.places import write_text

Image = npt.NDArray[np.uint8]

#: Height of a thumbnail in pixels.
THUMBNAIL: Final = 128
_STYLE: Final = """
:root { color-scheme: light dark; font: 14px/1.5 system-ui, sans-serif; }
body { max-width: 1000px; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; } th { font-weight: 600; text-align: left; }
th, td { padding: .2rem .8rem .2rem 0; border-bottom: 1px solid #8884; }
td { text-align: right; font-variant-numeric: tabular-nums; }
svg text { font: 11px system-ui, sans-serif; fill: currentColor; } svg .grid { stroke: #8883; }
figure { display: inline-block; margin: 0 1.2rem 1rem 0; vertical-align: top; }
figcaption { font-size: 12px; max-width: 30rem; }
.mistake { display: inline-block; margin: 0 1rem 1rem 0; vertical-align: top; }
.mistake figure { margin: 0 .2rem 0 0; } .mistake figcaption { max-width: 6rem; }
.note { color: #888; }
"""


@dataclass(frozen=True)
class Picture:
    """A thumbnail and what stands under it."""

    image: Image
    caption: str


@dataclass(frozen=True)
class Sheet:
    """Mistakes of one kind, the worst first. ``mistakes``: a heading, and pictures side by side."""

    title: str
    mistakes: Sequence[tuple[str, Sequence[Picture]]]


@dataclass(frozen=True)
class Page:
    """``charts``: SVG elements with their captions; ``notes``: what the numbers mean, line by line."""

    title: str
    notes: Sequence[str]
    columns: Mapping[str, str]
    variants: Sequence[Mapping[str, Any]]
    charts: Sequence[tuple[str, str]] = ()
    sheets: Sequence[Sheet] = field(default_factory=tuple)


def html(page: Page) -> str:
    """The document. Every text is escaped: names of files and encoders come from outside."""
    title = escape(page.title)
    head = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">"
        f"<style>{_STYLE}</style></head>"
    )
    parts = [head, f"<body><h1>{title}</h1>", *(f"<p>{escape(note)}</p>" for note in page.notes)]
    parts.append(_table(page))
    parts += [f"<figure>{svg}<figcaption>{escape(text)}</figcaption></figure>" for text, svg in page.charts]
    parts += [_sheet(sheet) for sheet in page.sheets if sheet.mistakes]
    if any(sheet.mistakes for sheet in page.sheets):
        parts.append(
            '<p class="note">Pictures of your own data, for you to look at: do not pass them on.</p>'
        )
    return "".join([*parts, "</body></html>"])


def write_page(path: Path, page: Page) -> None:
    """Whole or not at all. Raises `ConfigError` when the place can't be written."""
    write_text(path, html(page), "--html")


def _table(page: Page) -> str:
    names = "".join(f"<th>{escape(str(v['name']))}</th>" for v in page.variants)
    rows = [
        f"<tr><th>{escape(heading)}</th>"
        + "".join(f"<td>{escape(shown(v['mean'].get(name)))}</td>" for v in page.variants)
        + "</tr>"
        for name, heading in page.columns.items()
    ]
    return f"<table><tr><th></th>{names}</tr>{''.join(rows)}</table>"


def _sheet(sheet: Sheet) -> str:
    parts = [f"<h2>{escape(sheet.title)}</h2>"]
    for heading, pictures in sheet.mistakes:
        shots = "".join(_picture(picture) for picture in pictures)
        parts.append(f'<div class="mistake"><div>{escape(heading)}</div>{shots}</div>')
    return "".join(parts)


def _picture(picture: Picture) -> str:
    caption = escape(picture.caption)
    source = f"data:image/jpeg;base64,{_jpeg(picture.image)}"
    return f'<figure><img alt="{caption}" src="{source}"><figcaption>{caption}</figcaption></figure>'


def _jpeg(image: Image) -> str:
    height, width = image.shape[:2]
    size = (max(round(width * THUMBNAIL / height), 1), THUMBNAIL)
    good, encoded = cv2.imencode(".jpg", cv2.resize(image, size, interpolation=cv2.INTER_AREA))
    if not good:
        raise ValueError(f"a picture of {width}x{height} cannot be encoded as JPEG")
    return b64encode(encoded.tobytes()).decode()
