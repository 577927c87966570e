"""Pages that are looked at one by one. `{table}` in an address stands for that table's first row."""

import re

from tests.gateway import Gateway

PAGES = {
    "home": "/admin/",
    "keys": "/admin/teams/virtualkey/",
    "key form": "/admin/teams/virtualkey/add/",
    "teams": "/admin/teams/team/",
    "team": "/admin/teams/team/{teams_team}/change/",
    "users": "/admin/teams/user/",
    "user": "/admin/teams/user/{teams_user}/change/",
    "group": "/admin/auth/group/{auth_group}/change/",
    "spend": "/admin/budgets/dailyspend/",
    "ledger": "/admin/budgets/ledgerentry/",
    "inbox": "/admin/alerts/incident/",
    "incident": "/admin/alerts/incident/{alerts_incident}/change/",
    "channel": "/admin/alerts/alertchannel/{alerts_alertchannel}/change/",
    "alert routes": "/admin/alerts/alertroute/",
    "alert route": "/admin/alerts/alertroute/{alerts_alertroute}/change/",
    "alert preview": "/admin/alerts/alertroute/preview/",
    "silence form": "/admin/alerts/silence/add/",
    "settings": "/admin/alerts/alertsettings/1/change/",
    "deployments": "/admin/proxy/deployment/",
    "deployment": "/admin/proxy/deployment/{proxy_deployment}/change/",
    "routing": "/admin/proxy/routing/",
    "routing form": "/admin/proxy/routing/edit/?group=gpt-4o",
    "request": "/admin/proxy/requesttrace/{proxy_requesttrace}/change/",
    "audit trail": "/admin/teams/auditentry/",
    "jobs": "/admin/gateway_project/job/",
    "job": "/admin/gateway_project/job/1/change/",
}
# Of somebody who is a member of a team, and nothing else.
OF_MEMBERS = ("home", "keys", "key form", "spend")


def address(gateway: Gateway, name: str) -> str:
    def first(found: re.Match[str]) -> str:
        return str(gateway.rows(f"SELECT id FROM {found[1]} ORDER BY id")[0][0])

    return re.sub(r"\{(\w+)\}", first, PAGES[name])
