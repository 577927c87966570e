"""Which models a principal may call."""

from proxy.core.access import ALL_TEAM_MODELS, covers
from teams.errors import KeyModelAccessDenied, TeamModelAccessDenied, UserModelAccessDenied
from teams.snapshot import Principal


def ensure_model_allowed(principal: Principal, model_group: str) -> None:
    """Raises KeyModelAccessDenied or one of its subclasses; a user's list binds keys outside of teams only."""
    sentence = (
        f"The requested model '{model_group[:200]}' is not available for this API key, or the model name is invalid. "
        "Check the models available to you and try again."
    )
    as_the_team = principal.team_id is not None and ALL_TEAM_MODELS in principal.key_models
    if not as_the_team and not covers(principal.key_models, model_group):
        raise KeyModelAccessDenied(sentence)
    if not covers(principal.team_models, model_group):
        raise TeamModelAccessDenied(sentence)
    if principal.team_id is None and not covers(principal.user_models, model_group):
        raise UserModelAccessDenied(sentence)


def allowed_models(principal: Principal, names: list[str]) -> list[str]:
    return [name for name in names if _may_call(principal, name)]


def _may_call(principal: Principal, name: str) -> bool:
    try:
        ensure_model_allowed(principal, name)
    except KeyModelAccessDenied:
        return False
    return True
