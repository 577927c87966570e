"""From a file to a document: every key of the article is read, and what is wrong is told with its place."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from proxy.config.reader import ConfigError, read
from tests.proxy.config.article import ARTICLE

WriteConfig = Callable[[str], Path]


@pytest.fixture(autouse=True)
def _same_environment_afterwards() -> Iterator[None]:
    """Reading a file sets variables."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def problem(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        read(path)
    text = str(caught.value)
    assert str(path) in text
    assert "Traceback" not in text
    return text


@pytest.mark.parametrize("text", ["", "# nothing\n", "general_settings:\n", "model_list:\nlitellm_settings:\n", "{}"])
def test_an_empty_file_or_section_is_fine(write_config: WriteConfig, text: str) -> None:
    assert read(write_config(text)).model_list == []


@pytest.mark.parametrize(
    "text",
    [
        "just text",
        "- a list",
        "5",
        "a: b: c",
        "a: [1",
        "\ta: b",
        "a: *nowhere",
        "a: !!python/object/apply:os.system [true]",
        "a: \x07",
        "? [a]\n: b",
        "released: 2024-13-45",
    ],
    ids=repr,
)
def test_a_file_that_is_no_configuration_is_told(write_config: WriteConfig, text: str) -> None:
    problem(write_config(text))


def test_all_problems_are_told_at_once(write_config: WriteConfig) -> None:
    text = problem(write_config("general_settings: {alerting_threshold: x}\nmodel_list: 5\n"))

    assert "alerting_threshold" in text
    assert "model_list" in text


SECRET = "hidden0123456789"


@pytest.mark.parametrize(
    "text",
    [
        f"general_settings: {{master_key: [sk-{SECRET}]}}",
        f"general_settings: {{master_key: {{a: sk-{SECRET}}}}}",
        f"model_list: [{{model_name: a, litellm_params: {{model: a, api_key: [sk-{SECRET}]}}}}]",
        f"model_list: [{{model_name: a, litellm_params: {{api_key: sk-{SECRET}}}}}]",
        f"general_settings: {{alert_to_webhook_url: {{budget_alerts: 'hooks.slack.com/{SECRET}'}}}}",
        f"general_settings: {{alert_to_webhook_url: 'https://hooks.slack.com/{SECRET}'}}",
        f"general_settings: {{alert_to_webhook_url: ['https://hooks.slack.com/{SECRET}']}}",
        f"general_settings: {{alert_to_webhook_url: {{'https://hooks.slack.com/{SECRET}': budget_alerts}}}}",
        f"general_settings: {{alerting: ['https://hooks.slack.com/{SECRET}']}}",
        f"general_settings: {{alert_types: ['https://hooks.slack.com/{SECRET}']}}",
        f"environment_variables: [OPENAI_API_KEY=sk-{SECRET}]",
        f"environment_variables: {{OPENAI_API_KEY: {{a: sk-{SECRET}}}}}",
        f"general_settings: {{master_key: sk-{SECRET}\n",
        f'general_settings: {{master_key: "sk-{SECRET}}}\n',
    ],
)
def test_no_problem_shows_a_value_that_may_be_secret(write_config: WriteConfig, text: str) -> None:
    assert SECRET not in problem(write_config(text))


def test_variables_of_the_file_are_set_before_anything_refers_to_them(write_config: WriteConfig) -> None:
    text = """
environment_variables: {OWN_KEY: sk-from-the-file, OWN_NUMBER: 5, OWN_COPY: os.environ/OWN_OTHER}
general_settings: {master_key: os.environ/OWN_KEY}
"""
    os.environ["OWN_OTHER"] = "other"
    document = read(write_config(text))

    assert document.general_settings.master_key == "sk-from-the-file"
    assert (os.environ["OWN_NUMBER"], os.environ["OWN_COPY"]) == ("5", "other")


@pytest.mark.parametrize("name", ["'A=B'", "'A\\0B'", "''"])
def test_a_variable_name_that_no_system_takes_is_told(write_config: WriteConfig, name: str) -> None:
    name = name.replace("'", '"')

    assert "environment_variables" in problem(write_config(f"environment_variables: {{{name}: x}}"))


def test_references_in_model_list_stay_references(write_config: WriteConfig) -> None:
    os.environ["OPENAI_API_KEY"] = "sk-in-the-environment"
    entry = read(write_config(ARTICLE)).model_list[0]

    assert entry.litellm_params.api_key == "os.environ/OPENAI_API_KEY"


def test_an_included_file_is_joined_and_the_including_one_wins(write_config: WriteConfig, tmp_path: Path) -> None:
    (tmp_path / "models.yaml").write_text(
        "model_list: [{model_name: a, litellm_params: {model: a}}]\n"
        "general_settings: {alerting_threshold: 1, spend_report_frequency: 2d}\n"
    )
    document = read(
        write_config(
            "include: [models.yaml]\n"
            "model_list: [{model_name: b, litellm_params: {model: b}}]\n"
            "general_settings: {alerting_threshold: 9}\n"
        )
    )

    assert [entry.model_name for entry in document.model_list] == ["a", "b"]
    assert document.general_settings.alerting_threshold == 9
    assert document.general_settings.spend_report_frequency == "2d"


def test_a_problem_of_an_included_file_that_is_missing_names_that_file(
    write_config: WriteConfig, tmp_path: Path
) -> None:
    path = write_config("include: [nowhere.yaml]")
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: there is no such file"):
        read(path)


def test_files_that_include_each_other_are_told(write_config: WriteConfig) -> None:
    assert "include" in problem(write_config("include: [config.yaml]"))


@pytest.mark.parametrize("value", ["other.yaml", "5", "{a: b}", "true"])
def test_an_include_that_is_no_list_is_told(write_config: WriteConfig, value: str) -> None:
    assert "include" in problem(write_config(f"include: {value}"))


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda path: None, "no such file"),
        (lambda path: path.mkdir(), "cannot be read"),
        (lambda path: path.write_bytes(b"a: \xff\xfe"), "UTF-8"),
    ],
    ids=["missing", "folder", "not text"],
)
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, make: Callable[[Path], None], word: str) -> None:
    path = tmp_path / "odd.yaml"
    make(path)

    assert word in problem(path)
