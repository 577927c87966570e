"""Types that several bodies share. Bounds are those of the columns: what passes here can be stored."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

Id = Annotated[str, Field(min_length=1, max_length=255)]
Name = Annotated[str, Field(max_length=255)]
Text = Annotated[str, Field(max_length=32)]
Count = Annotated[int, Field(ge=0, le=2**63 - 1)]
Names = Annotated[list[Id], Field(max_length=1000)]
Object = dict[str, Any]


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _split(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


# One value or several, as scripts send them.
OneOrMore = Annotated[Names, BeforeValidator(_as_list)]
CommaSeparated = Annotated[Names, BeforeValidator(_split)]


def _in_utc(value: datetime) -> str:
    return value.isoformat().replace("+00:00", "Z")


Time = Annotated[datetime, PlainSerializer(_in_utc, return_type=str)]


class Answer(BaseModel):
    """An object that is given. Every field is always there."""

    model_config = ConfigDict(protected_namespaces=(), defer_build=True)
