"""Tests of the decisions of alerting."""
