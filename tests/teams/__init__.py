"""Tests of users, teams and keys."""
