"""Which routes a list of grants covers: paths, prefixes, wildcards and LiteLLM's names for groups of routes. Pure."""
# ruff: noqa: SIM905 - a list would take a line a name

from collections.abc import Sequence

LLM_API = tuple(
    """
    /chat/completions /completions /embeddings /models /messages /responses /moderations /images /audio /rerank
    /engines /openai /utils
    """.split()
)
INFO = tuple(
    """
    /key/info /v2/key/info /key/list /key/aliases /team/info /team/list /v2/team/list /team/available
    /team/permissions_list /user/info /v2/user/info /user/list /user/available_roles /customer/info /customer/list
    /end_user/info /end_user/list /budget/info /budget/list /budget/settings /organization/info /organization/list
    /tag/info /tag/list /model/info /v2/model/info /model_group/info /models /health /audit /spend /global/spend
    /explain /route/preview
    """.split()
)
MANAGEMENT = tuple(
    """
    /key /v2/key /team /v2/team /user /v2/user /customer /end_user /budget /organization /tag /model /v2/model
    /model_group /audit /config /alerting /spend /global /explain /route
    """.split()
)
GROUPS = {
    "llm_api_routes": LLM_API,
    "openai_routes": LLM_API,
    "info_routes": INFO,
    "management_routes": MANAGEMENT,
    "spend_tracking_routes": ("/spend", "/global/spend", "/global/activity"),
}
KEY_TYPES: dict[str, tuple[str, ...]] = {
    "default": (),
    "llm_api": ("llm_api_routes",),
    "management": ("management_routes",),
    "read_only": ("info_routes",),
}


def covers_route(grants: Sequence[str], path: str) -> bool:
    """An empty list grants every route. `/v1/x` and `/x` are the same route."""
    if not grants:
        return True
    plain = _plain(path)
    return any(_matches(grant, plain) for grant in grants)


def _matches(grant: str, path: str) -> bool:
    if (members := GROUPS.get(grant)) is not None:
        return any(_below(member, path) for member in members)
    grant = _plain(grant)
    if grant.endswith("*"):
        return path.startswith(grant[:-1])
    return _below(grant, path)


def _below(prefix: str, path: str) -> bool:
    return path == prefix or (prefix != "/" and path.startswith(prefix + "/"))


def _plain(path: str) -> str:
    path = path.rstrip("/") or "/"
    return path[3:] if path.startswith("/v1/") else path
