"""The settings under test: the product's own, with known secrets and a database of the run's own.

`TEST_STORE=postgres` runs the same tests on a private PostgreSQL; the default is SQLite.
"""

import atexit
import os
import tempfile
from contextlib import ExitStack

from tests.services import postgres

MASTER_KEY_UNDER_TEST = "sk-test-master-key-0123456789"

_servers = ExitStack()
atexit.register(_servers.close)

os.environ["TOLLKEEPER_DATA"] = _servers.enter_context(tempfile.TemporaryDirectory(prefix="tollkeeper-test-"))
os.environ["TOLLKEEPER_SECRET_KEY"] = "test-secret-key-of-more-than-fifty-characters-0123456789"
os.environ["TOLLKEEPER_ENCRYPTION_KEYS"] = "dGVzdC1lbmNyeXB0aW9uLWtleS0wMTIzNDU2Nzg5YWI="
os.environ["LITELLM_MASTER_KEY"] = MASTER_KEY_UNDER_TEST
os.environ["TOLLKEEPER_UPSTREAM_NETWORKS"] = "127.0.0.0/8"
for name in ("DATABASE_URL", "REDIS_URL", "SLACK_WEBHOOK_URL", "ALERTING_WEBHOOK_URL", "PROXY_BASE_URL"):
    os.environ.pop(name, None)
if os.environ.get("TEST_STORE") == "postgres":
    os.environ["DATABASE_URL"] = _servers.enter_context(postgres()).url

from gateway_project.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
