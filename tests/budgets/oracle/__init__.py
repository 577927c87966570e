"""Amounts as LiteLLM's own calculator makes them, to compare ours with."""
