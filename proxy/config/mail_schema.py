"""What config.yaml says of mail to people: which kinds, and lists of addresses by percentage of a budget."""

from typing import Annotated, Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from pydantic import AfterValidator, BeforeValidator, Field

from alerts.events import Mail


def _mail(value: Any) -> Any:
    if value not in set(Mail):
        raise ValueError(f"this is none of {', '.join(Mail)}")
    return value


def _percent(text: str) -> str:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= 1000:
        raise ValueError("this is no whole number of percent from 1 to 1000")
    return text


def _address(text: str) -> str:
    try:
        validate_email(text)
    except ValidationError:
        raise ValueError("this is no mail address") from None
    return text


def _as_addresses(value: Any) -> Any:
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


MailName = Annotated[Mail, BeforeValidator(_mail)]
Percent = Annotated[str, Field(max_length=4), AfterValidator(_percent)]
Addresses = Annotated[list[Annotated[str, AfterValidator(_address)]], BeforeValidator(_as_addresses)]
EmailSettings = dict[MailName, bool]
EmailLists = dict[Percent, Addresses]
