"""From a config.yaml on disk to a validated document, or to sentences that say where it is wrong."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from proxy.config.environment import from_environment
from proxy.config.schema import Document


class ConfigError(Exception):
    """The file cannot be used; the text names file, place and reason, a line each, and no secret."""


def read(path: Path) -> Document:
    """Parse, resolve `os.environ/NAME` outside of model_list, and validate. Raises ConfigError.

    `environment_variables` of the file are set first, as LiteLLM does. In model_list the references stay: they are
    resolved by each process, and the secret they stand for is never stored.
    """
    raw = _load(path, ())
    _set_environment(path, raw.get("environment_variables"))
    sections = {name: value if name == "model_list" else _resolved(value) for name, value in raw.items()}
    # A section with nothing below its name is YAML's null.
    sections = {name: value for name, value in sections.items() if value is not None}
    try:
        return Document.model_validate(sections)
    except ValidationError as error:
        lines = [f"{path}: {place(problem['loc'])}: {sentence(problem)}" for problem in error.errors()]
        raise ConfigError("\n".join(lines)) from None


def _load(path: Path, above: tuple[Path, ...]) -> dict[str, Any]:
    """The file with the files it includes; `above` are those that include it."""
    raw = _parse(path)
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise ConfigError(f"{path}: the file must hold sections such as model_list: and general_settings:")
    included = raw.pop("include", None) or []
    if not isinstance(included, list) or not all(isinstance(name, str) for name in included):
        raise ConfigError(f"{path}: include: must be a list of file names")
    if path.resolve() in above:
        raise ConfigError(f"{path}: include: the files include each other")
    merged: dict[str, Any] = raw
    for name in included:
        merged = _merged(_load(path.parent / name, (*above, path.resolve())), merged)
    return merged


def _parse(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not UTF-8 text") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise ConfigError(f"{path}: line {line}: not valid YAML: {error.problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError):
        # A ValueError is a date that no calendar has.
        raise ConfigError(f"{path}: not valid YAML") from None


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Lists are joined, mappings merged; what the including file says wins."""
    merged = dict(base)
    for name, value in over.items():
        under = merged.get(name)
        if isinstance(under, list) and isinstance(value, list):
            merged[name] = under + value
        elif isinstance(under, dict) and isinstance(value, dict):
            merged[name] = {**under, **value}
        else:
            merged[name] = value
    return merged


def _set_environment(path: Path, variables: Any) -> None:
    if variables is None:
        return
    if not isinstance(variables, Mapping):
        raise ConfigError(f"{path}: environment_variables: must be a mapping of names to values")
    for name, value in variables.items():
        resolved = from_environment(value)
        if resolved is None:
            continue
        try:
            os.environ[str(name)] = str(resolved)
        except (ValueError, OSError):
            raise ConfigError(f"{path}: environment_variables: there can be no variable of such a name") from None


def _resolved(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _resolved(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_resolved(inner) for inner in value]
    return from_environment(value)


def place(location: tuple[int | str, ...]) -> str:
    text = ""
    for step in location:
        # A key that is no name was meant as a value, and a value may be a secret.
        name = step if isinstance(step, int) or re.fullmatch(r"[\w\[\]-]{1,64}", step) else "..."
        text += f"[{name}]" if isinstance(name, int) else f".{name}" if text else name
    return text.removesuffix(".[key]")


def sentence(problem: Mapping[str, Any]) -> str:
    """Pydantic's sentence, without the value: it may be a secret."""
    text: str = problem["msg"]
    return text.removeprefix("Value error, ").rstrip(".")
