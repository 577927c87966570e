"""What happens when parts die, hang or lie."""
