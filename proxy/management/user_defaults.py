"""What the operator's configuration says of users that somebody makes."""

from pydantic import ValidationError

from proxy.management.schemas.users import NewUser
from proxy.runtime import running
from teams.errors import Invalid
from teams.models import Role

_INTERNAL = (Role.INTERNAL_USER, Role.INTERNAL_USER_VIEWER)


def with_defaults(body: NewUser) -> NewUser:
    """What nobody said of a new user, from `litellm_settings`. Raises Invalid when that cannot be used."""
    litellm = running().table.settings["litellm_settings"]
    defaults = litellm.get("default_internal_user_params")
    filled = {name: value for name, value in body.given().items() if value is not None}
    for name, value in defaults.items() if isinstance(defaults, dict) else ():
        if name in NewUser.model_fields:
            filled.setdefault(name, value)
    if filled.get("user_role", Role.INTERNAL_USER) in _INTERNAL:
        for name, setting in (
            ("max_budget", "max_internal_user_budget"),
            ("budget_duration", "internal_user_budget_duration"),
        ):
            if litellm.get(setting) is not None:
                filled.setdefault(name, litellm[setting])
    try:
        return NewUser.model_validate(filled)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise Invalid(f"The configured default of {where} for new users cannot be used: {problem['msg']}") from None
