"""Tests of the gateway's own app."""
