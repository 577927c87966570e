"""The version that answers name themselves with."""

VERSION = "0.1.0"
