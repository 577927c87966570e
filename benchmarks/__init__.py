"""How fast the gateway is, beside what is known to be the limit: `python -m benchmarks.run`."""
