"""The vendors' own SDKs against the gateway, over fakes of every provider, with a look at the books each time."""
