"""Tests of the providers' wires."""
