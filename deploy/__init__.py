"""How it is run on servers, and what watches it there. Nothing of the gateway imports this."""
