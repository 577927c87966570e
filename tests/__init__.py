"""The tests mirror the apps; `functional` holds what crosses them, `faults` what breaks them."""
