"""Stand-ins for the servers Tollkeeper talks to: real HTTP on loopback, never a patched client."""
