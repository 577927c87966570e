"""Tests of what a request and an answer mean."""
