"""Verbs on users and teams."""

from django.db import transaction
from django.db.models import QuerySet, Value
from django.db.models.functions import Lower

from teams.errors import AlreadyExists, Invalid
from teams.ids import new_id
from teams.models import Role, Team, User
from teams.services.teams import discard_budgets

ADMIN_USER_ID = "default_user_id"


@transaction.atomic
def ensure_admin(*, username: str, password: str) -> tuple[User, bool]:
    """The first admin, whom the master key acts for, and whether this call made them.

    An admin who exists keeps name and password.
    """
    if found := User.objects.filter(id=ADMIN_USER_ID).first():
        return found, False
    if User.objects.filter(username=username).exists():
        username = ADMIN_USER_ID
    user = User(
        id=ADMIN_USER_ID, username=username, role=Role.PROXY_ADMIN, is_staff=True, is_superuser=True, alias="Admin"
    )
    user.set_password(password)
    user.save()
    return user, True


def new_user(**columns: object) -> User:
    """Saved; who may log in to the admin is decided there. Raises AlreadyExists."""
    return create_user(User(**columns))


def create_user(user: User) -> User:
    """Save a row that is new, without a password. Raises AlreadyExists."""
    if User.objects.filter(pk=user.pk).exists():
        raise AlreadyExists(f"User with id {user.pk} already exists", param="user_id")
    ensure_email_free(user)
    if not user.username:
        # Somebody may have chosen this id for their login.
        user.username = new_id() if User.objects.filter(username=user.pk).exists() else user.pk
    user.set_unusable_password()
    user.save(force_insert=True)
    return user


def ensure_email_free(user: User) -> None:
    """Raises AlreadyExists. Case does not matter, and nobody's address is everybody's."""
    if user.email and with_email(User.objects.exclude(pk=user.pk), user.email).exists():
        raise AlreadyExists(f"User with email {user.email} already exists", param="user_email")


def with_email(users: QuerySet[User], email: str) -> QuerySet[User]:
    """Compared as the constraint compares, so that its index answers."""
    return users.alias(lowered_email=Lower("email")).filter(lowered_email=Lower(Value(email))).exclude(email="")


@transaction.atomic
def delete_user(user: User) -> None:
    """With keys and memberships, and the budgets that were made for them alone. Raises Invalid."""
    if user.pk == ADMIN_USER_ID:
        raise Invalid(f"User {ADMIN_USER_ID} is whom the master key acts for and cannot be deleted.", param="user_ids")
    budget_ids = [
        *user.memberships.order_by().values_list("budget_id", flat=True),
        *user.organization_memberships.order_by().values_list("budget_id", flat=True),
    ]
    user.delete()
    discard_budgets(budget_ids)


def ensure_user(user_id: str) -> User:
    """LiteLLM's scripts name owners that nobody made before; who may do so makes them."""
    return User.objects.filter(pk=user_id).first() or new_user(id=user_id)


def ensure_team(team_id: str) -> Team:
    return Team.objects.filter(pk=team_id).first() or Team.objects.create(id=team_id)
