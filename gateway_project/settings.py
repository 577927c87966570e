"""Every setting an operator gives at start, read from the environment; what changes at run time is a row."""

import os
import zoneinfo
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static

from alerts.addresses import Network, read_networks
from gateway_project import local
from gateway_project.browser.policy import DIRECTIVES
from gateway_project.logs import logging_config
from gateway_project.sso.configuration import Sso
from proxy.version import VERSION

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = local.data_folder()
env = environ.Env()
_local = local.load_secrets(DATA_DIR)


def _secret(name: str, stored: str | None) -> str:
    value = env.str(name, default="") or stored
    if not value:
        raise ImproperlyConfigured(
            f"{name} is not set and {DATA_DIR} holds no secrets yet. Run `tollkeeper up` once, or set {name}."
        )
    return str(value)


DEBUG = env.bool("TOLLKEEPER_DEBUG", default=False)
SECRET_KEY = _secret("TOLLKEEPER_SECRET_KEY", _local.secret_key if _local else None)
ENCRYPTION_KEYS = _secret("TOLLKEEPER_ENCRYPTION_KEYS", _local.encryption_key if _local else None).split(",")
MASTER_KEY = env.str("LITELLM_MASTER_KEY", default="") or (_local.master_key if _local else "")
PROXY_BASE_URL = env.str("PROXY_BASE_URL", default="")

ALLOWED_HOSTS = env.list("TOLLKEEPER_ALLOWED_HOSTS", default=["*"])
CSRF_TRUSTED_ORIGINS = env.list("TOLLKEEPER_CSRF_TRUSTED_ORIGINS", default=[])
HTTPS_ONLY = env.bool("TOLLKEEPER_HTTPS_ONLY", default=False)
SECURE_SSL_REDIRECT = HTTPS_ONLY
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS_ONLY else None
SECURE_REDIRECT_EXEMPT = [r"^health/", r"^metrics/?$"]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS_ONLY
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS_ONLY else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS_ONLY
LOGIN_REDIRECT_URL = "admin:index"


def _at_least_one(name: str, default: int) -> int:
    value: int = env.int(name, default=default)
    if value < 1:
        raise ImproperlyConfigured(f"{name} is {value}; it must be at least 1.")
    return value


# After so many wrong passwords no more is looked at for the pause: of one account from one address, of one account
# from everywhere, of all accounts from one address.
LOGIN_FAILURES = _at_least_one("TOLLKEEPER_LOGIN_FAILURES", 5)
LOGIN_FAILURES_PER_ACCOUNT = _at_least_one("TOLLKEEPER_LOGIN_FAILURES_PER_ACCOUNT", 50)
LOGIN_FAILURES_PER_ADDRESS = _at_least_one("TOLLKEEPER_LOGIN_FAILURES_PER_ADDRESS", 50)
LOGIN_PAUSE_SECONDS = _at_least_one("TOLLKEEPER_LOGIN_PAUSE_SECONDS", 900)
SSO = Sso.read(os.environ)
# Without it only superusers log in by password, so that a broken provider locks nobody out for good.
PASSWORD_LOGIN = env.bool("TOLLKEEPER_PASSWORD_LOGIN", default=True)
if SSO is None and not PASSWORD_LOGIN:
    raise ImproperlyConfigured("TOLLKEEPER_PASSWORD_LOGIN=false needs single sign-on (GENERIC_CLIENT_ID).")
SESSION_COOKIE_AGE = 8 * 3600
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {"DIRECTIVES": DIRECTIVES}

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    # Before others, whose translations would go before theirs.
    "alerts",
    "teams",
    "budgets",
    "proxy",
    "gateway_project",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
]

# The completion routes never see these: they are served by proxy.asgi.LeanHandler.
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "gateway_project.patience.patience_middleware",
    "gateway_project.login.address.client_address_middleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "gateway_project.languages.language_middleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "teams.actor.ActorMiddleware",
    "gateway_project.login.views.LinkThrottleMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "gateway_project.urls"
ASGI_APPLICATION = "gateway_project.asgi.application"
APPEND_SLASH = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "teams.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        # Before the apps: what a page of the admin shows beside its own.
        "DIRS": [BASE_DIR / "gateway_project" / "templates"],
        "OPTIONS": {
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    ["django.template.loaders.filesystem.Loader", "gateway_project.browser.templates.Loader"],
                )
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "gateway_project.demo_data.banner.demo_banner",
            ],
        },
    },
]

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "Simplified Chinese")]
LANGUAGE_COOKIE_AGE = 365 * 86400
LANGUAGE_COOKIE_HTTPONLY, LANGUAGE_COOKIE_SAMESITE, LANGUAGE_COOKIE_SECURE = True, "Lax", HTTPS_ONLY
TIME_ZONE = "UTC"
# The zones of the pinned tzdata: machines that disagree about a change of clocks would end a budget's period twice.
zoneinfo.reset_tzpath(())
USE_TZ = True
FORMAT_MODULE_PATH = ["gateway_project.formats"]
STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
# Found in the packages themselves, so that neither start nor upgrade needs a collectstatic.
SERVESTATIC_USE_FINDERS = True
SERVESTATIC_AUTOREFRESH = False


def _database() -> dict[str, Any]:
    if not (url := env.str("DATABASE_URL", default="")):
        return _sqlite(DATA_DIR / "tollkeeper.sqlite3")
    config: dict[str, Any] = environ.Env.db_url_config(url)
    if config["ENGINE"] == "django.db.backends.sqlite3":
        return _sqlite(Path(config["NAME"]))
    if config["ENGINE"] != "django.db.backends.postgresql":
        raise ImproperlyConfigured(f"DATABASE_URL names {config['ENGINE']}; Tollkeeper runs on PostgreSQL or SQLite.")
    config["ENGINE"] = "gateway_project.postgres"
    config["CONN_MAX_AGE"] = 60
    config["CONN_HEALTH_CHECKS"] = True
    config.setdefault("OPTIONS", {}).setdefault("connect_timeout", 2)
    return config


def _sqlite(path: Path) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        "OPTIONS": {
            # DEFERRED fails with "database is locked" on the first upgrade under concurrency.
            "transaction_mode": "IMMEDIATE",
            "timeout": 10,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
        },
    }


DATABASES = {"default": _database()}


def _redis_url() -> str:
    if url := env.str("REDIS_URL", default=""):
        return str(url)
    if host := env.str("REDIS_HOST", default=""):
        password = env.str("REDIS_PASSWORD", default="")
        login = f":{password}@" if password else ""
        return f"redis://{login}{host}:{env.int('REDIS_PORT', default=6379)}/0"
    return ""


REDIS_URL = _redis_url()


def _broker_url() -> str:
    """Kombu spells a Unix socket `redis+socket://`, redis-py `unix://`."""
    if not REDIS_URL:
        return "memory://localhost/"
    return REDIS_URL.replace("unix://", "redis+socket://", 1)


CELERY_BROKER_URL = _broker_url()
REDIS_BROKER_OPTIONS: dict[str, Any] = {
    "visibility_timeout": 60,
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
    # A task is a hint: who cannot send it at once goes on, and the sweep finds what is due.
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0.1,
    "interval_max": 0.1,
}
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = REDIS_BROKER_OPTIONS if REDIS_URL else {"polling_interval": 0.05}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_TIME_LIMIT = 60
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# Threads, which mostly wait for channels of alerts: see alerts.dispatch.MOST_TRIALS.
CELERY_WORKER_CONCURRENCY = 16
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BEAT_SCHEDULER = "gateway_project.beat:Scheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 5
CELERY_TIMEZONE = TIME_ZONE

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["proxy.permissions.VirtualKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["proxy.permissions.IsProxyAdmin"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "gateway_project.api.exception_handler",
    "UNAUTHENTICATED_USER": None,
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Tollkeeper",
    "DESCRIPTION": "LLM gateway: completions for any provider, and the management of who may ask for them.",
    "VERSION": VERSION,
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    # Swagger's files are served from here, never from a CDN.
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "OAS_VERSION": "3.1.0",
    "PREPROCESSING_HOOKS": ["gateway_project.openapi.only_api"],
    # The same view stands on `/x` and `/v1/x`; that their operations are numbered is no news to an admin's log.
    "DISABLE_ERRORS_AND_WARNINGS": True,
    "ENABLE_DJANGO_DEPLOY_CHECK": False,
}

# Bytes; the seed's clients stay far below, and images in a chat fit.
MAX_REQUEST_BYTES = env.int("TOLLKEEPER_MAX_REQUEST_BYTES", default=10 * 1024 * 1024)
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_REQUEST_BYTES
# How long a stream is read on once its client has left: only its end says what it cost.
STREAM_DRAIN_SECONDS = env.float("TOLLKEEPER_STREAM_DRAIN_SECONDS", default=30.0)


def _upstream_networks() -> tuple[Network, ...]:
    """Private networks where deployments that do not stand in config.yaml may be."""
    try:
        return read_networks(name for name in env.list("TOLLKEEPER_UPSTREAM_NETWORKS", default=[]) if name.strip())
    except ValueError as error:
        raise ImproperlyConfigured(f"TOLLKEEPER_UPSTREAM_NETWORKS: {error}") from None


UPSTREAM_NETWORKS = _upstream_networks()
# With it `/metrics` asks for this bearer token, or for the key of somebody who may see everything.
METRICS_TOKEN = env.str("TOLLKEEPER_METRICS_TOKEN", default="")
# Beside the spool: both keep what a killed process had counted, and need a disk that outlives it.
METRICS_DIR = Path(env.str("TOLLKEEPER_METRICS_DIR", default=str(DATA_DIR / "metrics")))
# Called while alerts are truly told; what config.yaml or the admin says goes before it.
ALERT_HEARTBEAT_URL = env.str("TOLLKEEPER_ALERT_HEARTBEAT_URL", default="")
LEDGER_SPOOL_DIR = Path(env.str("TOLLKEEPER_SPOOL_DIR", default=str(DATA_DIR / "spool")))


LOGGING = logging_config(level=env.str("LITELLM_LOG", default="INFO").upper(), json_lines=env.bool("JSON_LOGS", False))

SILENCED_SYSTEM_CHECKS = [] if HTTPS_ONLY else ["security.W004", "security.W008", "security.W012", "security.W016"]

UNFOLD = {
    "SITE_TITLE": "Tollkeeper",
    "SITE_HEADER": "Tollkeeper",
    "SITE_SYMBOL": "toll",
    "SHOW_HISTORY": True,
    "SHOW_LANGUAGES": True,
    "STYLES": [lambda request: static("tollkeeper/pages.css")],  # noqa: ARG005
    "SCRIPTS": [lambda request: static("tollkeeper/pages.js"), lambda request: static("tollkeeper/names.js")],  # noqa: ARG005
    "LOGIN": {"form": "gateway_project.login.forms.LoginForm"},
    "DASHBOARD_CALLBACK": "gateway_project.home.page.home",
    "SIDEBAR": {
        "show_search": True,
        "command_search": True,
        "navigation": "gateway_project.navigation.sidebar",
        # What has no place in the sidebar.
        "show_all_applications": lambda request: request.user.is_superuser,
    },
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("tollkeeper/favicon.svg")},  # noqa: ARG005
    ],
}
