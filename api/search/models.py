"""Bodies of searches and their answers. Times are milliseconds since the epoch."""

from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from api.attributes import SOME_TERMS, TERMS
from api.models import MAX_ID, PERSON, Id

MOST_RESULTS: Final = 100
_MOMENT: Final = 1_762_344_700_012
_MOST_FIELDS: Final = 20
#: Base64 of the largest picture.
_MOST_CHARACTERS: Final = 12 * 1024 * 1024
# What the description says; told in words by what reads them, so that a fault is explained.
_BASE64: Final = "([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"
#: The first bytes of a JPEG or PNG.
_PICTURE: Final = f"^(/9j/|iVBORw0KGgoA){_BASE64}$"
Moment = Annotated[int, Field(ge=0, le=2**53)]


def _said(purpose: str) -> str:
    if not purpose.strip():
        raise PydanticCustomError("blank", "The purpose is blank: say what the search is for")
    return purpose


class Filters(BaseModel):
    """Only persons with a sighting from ``since`` to ``until``, at one of ``cameras``, who look as
    ``attributes`` say: ``upper:red,blue lower:dark bag:yes``; all terms must hold, of each one value.

    ``purpose``: what the search is for. It is kept in the audit with who asked and who was found.
    """

    purpose: Annotated[
        str,
        Field(min_length=1, max_length=500, json_schema_extra={"pattern": r"\S"}),
        AfterValidator(_said),
    ]
    since: Moment | None = None
    until: Moment | None = None
    cameras: Annotated[list[Id], Field(max_length=100)] = []
    attributes: Annotated[str, Field(max_length=500, json_schema_extra={"pattern": TERMS})] = ""
    limit: Annotated[int, Field(ge=1, le=MOST_RESULTS)] = 10


def _body(**example: Any) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [example]})


class SearchByPerson(Filters):
    """Who looks like this person, from all its templates."""

    model_config = _body(person_id=PERSON["person_id"], purpose="one person twice?", limit=5)

    person_id: Id


class SearchByImage(Filters):
    """Who looks like the person in a picture: JPEG or PNG, base64; one person cut out, or a scene, of which
    the largest person counts."""

    model_config = _body(
        image="/9j/4AAQSkZJRgABAQ…", purpose="lost child", attributes="upper:red", cameras=["room1"]
    )

    image: Annotated[
        str, Field(min_length=1, max_length=_MOST_CHARACTERS, json_schema_extra={"pattern": _PICTURE})
    ]


class SearchByEmbedding(Filters):
    """Who looks like an embedding: base64 of little-endian float16, of the encoder ``model``,
    ``name@version``."""

    model_config = _body(embedding="ADwAAAAA…", model="appearance-512@1", purpose="handed over by site annex")

    embedding: Annotated[
        str, Field(min_length=1, max_length=100_000, json_schema_extra={"pattern": f"^{_BASE64}$"})
    ]
    model: Annotated[str, Field(min_length=3, max_length=MAX_ID)]


class SearchByAttributes(Filters):
    """Who looks as ``attributes`` say, seen last first; nobody is compared with anybody."""

    model_config = _body(attributes="upper:red lower:dark", purpose="lost child", cameras=["room1"])

    attributes: Annotated[str, Field(min_length=3, max_length=500, json_schema_extra={"pattern": SOME_TERMS})]


def _few(body: Any) -> Any:
    """A body of 12 MiB has room for a million names, of which each would be a fault four times over."""
    if isinstance(body, dict) and len(body) > _MOST_FIELDS:
        raise PydanticCustomError("too_many_fields", f"A search has at most {_MOST_FIELDS} fields")
    return body


AnySearch = Annotated[
    SearchByPerson | SearchByImage | SearchByEmbedding | SearchByAttributes, BeforeValidator(_few)
]

_RESULT: Final[dict[str, Any]] = {
    "person_id": PERSON["person_id"],
    "label": "Visitor-A",
    "score": 0.81,
    "cameras": ["room2", "room3"],
    "last_seen": _MOMENT,
    "attributes": {"upper": "red", "lower": "black"},
    "crop": None,
}


class Result(BaseModel):
    """``score``: calibrated similarity, 0 to 1; from 0.6 on the agent itself would take two for one; null of
    a search by attributes alone.
    ``crop``: address of a picture, null where none is kept."""

    model_config = ConfigDict(json_schema_extra={"examples": [_RESULT]})

    person_id: str
    label: str
    score: float | None
    cameras: list[str]
    last_seen: int
    attributes: dict[str, str]
    crop: str | None


class Results(BaseModel):
    """Best first. ``searched``: persons that passed the filters (in a span with very many visits, those who
    were known from before its end until after its beginning); ``calibrated``: false where no camera
    reports the encoder's calibration, and scores are raw cosines; ``search_id``: in the audit."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "results": [_RESULT],
                    "searched": 214,
                    "ms": 14.2,
                    "calibrated": True,
                    "search_id": "019a53f0-6a15-7c1e-9f0e-3b1d5d3f7a11",
                }
            ]
        }
    )

    results: list[Result]
    searched: int
    ms: float
    calibrated: bool
    search_id: str


class LookAlike(BaseModel):
    person_id: str
    label: str
    score: float
    crop: str | None


class LookAlikes(BaseModel):
    """Best first, without the person itself."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"similar": [{"person_id": "person_1_1", "label": "Visitor-B", "score": 0.41, "crop": None}]}
            ]
        }
    )

    similar: list[LookAlike]
