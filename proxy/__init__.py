"""The gateway itself: from a client's request to an upstream and back."""
