"""The admin's home: what runs, what it costs and what is broken, put together from what each app says of itself."""
