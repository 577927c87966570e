"""How people come into the admin: whose address counts, and how often a secret may be tried."""
