"""A person with a real browser at the admin's pages."""
