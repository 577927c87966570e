"""What crosses the apps, named for its use: from a request to the bytes that leave."""
