"""Every setting an operator gives at start, read from the environment; what changes at run time is a row."""

import zoneinfo
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static

from alerts.addresses import Network, read_networks
from gateway_project import local
from gateway_project.logs import logging_config
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
SESSION_COOKIE_AGE = 8 * 3600
X_FRAME_OPTIONS = "DENY"

INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "alerts",
    "teams",
    "budgets",
    "proxy",
    "gateway_project",
]

# The completion routes never see these: they are served by proxy.asgi.LeanHandler.
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "teams.actor.ActorMiddleware",
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
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

LANGUAGE_CODE = "en"
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
CELERY_WORKER_CONCURRENCY = 4
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
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
LEDGER_SPOOL_DIR = Path(env.str("TOLLKEEPER_SPOOL_DIR", default=str(DATA_DIR / "spool")))


LOGGING = logging_config(level=env.str("LITELLM_LOG", default="INFO").upper(), json_lines=env.bool("JSON_LOGS", False))

SILENCED_SYSTEM_CHECKS = [] if HTTPS_ONLY else ["security.W004", "security.W008", "security.W012", "security.W016"]

UNFOLD = {
    "SITE_TITLE": "Tollkeeper",
    "SITE_HEADER": "Tollkeeper",
    "SITE_SYMBOL": "toll",
    "SHOW_HISTORY": True,
    "SIDEBAR": {
        "navigation": "gateway_project.navigation.sidebar",
        # What has no place in the sidebar, such as the schedule of periodic tasks.
        "show_all_applications": lambda request: request.user.is_superuser,
    },
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("tollkeeper/favicon.svg")},  # noqa: ARG005
    ],
}
