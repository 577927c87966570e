"""LiteLLM's management API (api.md section 2): thin views over the services that the admin's pages use, too."""
