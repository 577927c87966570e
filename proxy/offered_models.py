"""The model groups that somebody may ask for, as pages name them."""

from collections.abc import Collection

from proxy.models import Deployment
from teams.access import Reach
from teams.model_lists import covers
from teams.models import Team, User

_MOST_ROWS = 500


def offered_models(reach: Reach, *, limit: int) -> list[str]:
    """Names that a key of the person's own or of one of their teams could call. Three queries.

    Those of a team alone and patterns are left out.
    """
    rows = Deployment.objects.filter(blocked=False, model_info__team_id__isnull=True).exclude(model_name__contains="*")
    names = rows.order_by("model_name").values_list("model_name", flat=True).distinct()[:_MOST_ROWS]
    granted = _grants(reach)
    return [name for name in names if any(covers(grants, name) for grants in granted)][:limit]


def _grants(reach: Reach) -> list[Collection[str]]:
    own = User.objects.filter(pk=reach.user_id).values_list("allowed_models", flat=True)
    of_teams = Team.objects.filter(pk__in=reach.team_ids).order_by().values_list("allowed_models", flat=True)
    return [*own, *of_teams]
