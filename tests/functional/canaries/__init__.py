"""Secrets that are planted everywhere a secret has its place, and looked for everywhere else."""
