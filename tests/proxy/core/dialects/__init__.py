"""Client dialects over a chat completion."""
