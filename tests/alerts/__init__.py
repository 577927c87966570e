"""Tests of what is told and how it gets there."""
