"""Who: users, teams, memberships and virtual keys."""
