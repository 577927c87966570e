"""What the management routes take and give, one model a role."""
