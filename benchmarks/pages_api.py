"""The addresses of the management API that `pages.py` measures: every list, and one row of each kind.

`{month}` and `{day}` are spans of days; the ids are those that `pages_fill.py` makes.
"""

KEYS = [
    "/key/list", "/key/list?page=2", "/key/list?page=1000", "/key/list?page=100000",
    "/key/list?return_full_object=true&size=100", "/key/list?team_id=team-7", "/key/list?user_id=user-7",
    "/key/list?organization_id=org-7", "/key/list?key_alias=alias-777", "/key/list?key_alias=nobody",
    "/key/list?search=alias-777", "/key/list?search=zzz-nothing",
    *(f"/key/list?sort_by={column}" for column in (
        "spend", "max_budget", "created_at", "updated_at", "token", "key_alias")),
    *(f"/key/list?status={status}" for status in ("active", "expired", "revoked", "deleted")),
    "/key/aliases", "/key/aliases?page=20000", "/key/aliases?search=alias-777", "/key/info?key={key}",
]  # fmt: skip
PEOPLE = [
    "/team/list", "/team/list?page_size=100", "/team/list?user_id=user-7", "/team/list?organization_id=org-7",
    "/v2/team/list", "/v2/team/list?page=2", "/v2/team/list?page=2000", "/v2/team/list?team_alias=77",
    *(f"/v2/team/list?sort_by={column}&sort_order=desc" for column in (
        "team_id", "team_alias", "created_at", "updated_at", "max_budget")),
    *(f"/v2/team/list?status={status}" for status in ("active", "blocked", "deleted")),
    "/team/available", "/team/info?team_id=team-1", "/team/info?team_id=team-7",
    "/team/permissions_list?team_id=team-7",
    "/user/list", "/user/list?page=2", "/user/list?page=8000", "/user/list?user_email=person-777",
    "/user/list?role=internal_user", "/user/list?role=proxy_admin", "/user/list?user_ids=user-7,user-8",
    "/user/list?team=team-7", "/user/list?team=team-1",
    *(f"/user/list?sort_by={column}&sort_order=desc" for column in (
        "user_id", "user_email", "user_alias", "user_role", "created_at", "spend")),
    "/user/info?user_id=user-7", "/v2/user/info?user_id=user-7", "/user/available_roles",
    "/customer/list", "/customer/list?page_size=100", "/customer/list?page=20", "/customer/info?end_user_id=customer-7",
    "/budget/list", "/budget/list?page_size=100", "/budget/settings?budget_id=budget-7",
    "/tag/list", "/tag/list?page_size=100",
    "/organization/list", "/organization/list?page_size=100", "/organization/list?org_alias=77",
    "/organization/info?organization_id=org-7",
]  # fmt: skip
SPEND = [
    "/spend/logs?{month}", "/spend/logs?{day}", "/spend/logs?{day}&summarize=false", "/spend/logs?request_id=call-777",
    "/spend/logs?user_id=user-7",
    "/spend/logs/v2?{month}", "/spend/logs/v2?{month}&page=200", "/spend/logs/v2?{month}&user_id=user-7",
    "/spend/logs/v2?{month}&team_id=team-7", "/spend/logs/v2?{month}&request_id=call-777",
    "/spend/logs/v2?{month}&session_id=call-777", "/spend/logs/v2?{month}&status_filter=failure",
    "/spend/logs/v2?{month}&model_group=group-7", "/spend/logs/v2?{month}&model=nothing",
    "/spend/logs/v2?{month}&key_alias=alias-777", "/spend/logs/v2?{month}&end_user=customer-7",
    "/spend/logs/v2?{month}&error_code=429", "/spend/logs/v2?{month}&min_spend=1",
    *(f"/spend/logs/v2?{{day}}&sort_by={column}" for column in (
        "endTime", "spend", "total_tokens", "request_duration_ms", "model")),
    "/spend/logs/v2?{month}&sort_by=spend", "/spend/logs/ui/call-777",
    "/spend/keys", "/spend/users", "/spend/users?user_id=user-7", "/spend/tags", "/spend/tags?{month}",
    "/global/spend", "/global/spend/logs", "/global/spend/logs?api_key={key}", "/global/spend/keys",
    "/global/spend/teams", "/global/spend/models", "/global/spend/provider?{month}", "/global/spend/tags",
    "/global/spend/tags?{month}", "/global/spend/tags?{month}&tags=tag-7", "/global/spend/all_tag_names",
    "/provider/budgets",
    "/global/spend/report?{month}&group_by=team", "/global/spend/report?{day}&group_by=team",
    "/global/spend/report?{month}&group_by=customer", "/global/spend/report?{month}&group_by=api_key",
    "/global/spend/report?{day}&group_by=api_key", "/global/spend/report?{month}&team_id=team-7",
    "/global/spend/report?{month}&customer_id=customer-7", "/global/spend/report?{month}&internal_user_id=user-7",
    "/global/activity?{month}", "/global/activity/model?{month}", "/global/activity/exceptions?{month}",
    "/global/activity/cache_hits?{month}", "/gateway/daily/activity?{month}",
    *(f"/{kind}/daily/activity{form}?{{month}}" for form in ("", "/aggregated")
      for kind in ("user", "team", "tag", "customer", "organization")),
    "/user/daily/activity?{month}&user_id=user-7", "/team/daily/activity?{month}&team_ids=team-7",
    "/tag/daily/activity?{month}&tags=tag-7", "/customer/daily/activity?{month}&end_user_ids=customer-7",
    "/organization/daily/activity?{month}&organization_ids=org-7",
]  # fmt: skip
OTHERS = [
    "/alerts", "/alerts?limit=100", "/alerts?type=llm_too_slow",
    *(f"/alerts?status={status}" for status in ("acknowledged", "resolved", "dismissed")),
    "/alerts/{alert}", "/alerts/monitoring", "/alerts/channels", "/alerts/routes", "/alerts/silences",
    "/audit", "/audit?page=2", "/audit?page=30000", "/audit?actor_id=user-7", "/audit?changed_by=user-7",
    "/audit?action=deleted", "/audit?object_type=nothing", "/audit?object_id=1077", "/audit?source=command",
    "/audit?{month}", "/audit/{entry}",
    "/explain/call-777", "/health/history", "/health/latest",
    "/model/info", "/v2/model/info", "/v2/model/info?search=7", "/model_group/info", "/model/deprecations",
    "/config/list", "/config/field/info?field_name=max_parallel_requests", "/alerting/settings",
    "/get/config/callbacks", "/settings", "/email/event_settings",
]  # fmt: skip
ADDRESSES = [*KEYS, *PEOPLE, *SPEND, *OTHERS]
