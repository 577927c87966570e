"""docs/config-reference.md has every setting of the schema, as it is."""

import pytest
from pydantic import BaseModel

from proxy.config import known
from proxy.config.alerting_schema import AlertingArgs, CaptureCheck, DigestSettings, SlowPercentile
from proxy.config.document import PAGE, page, without_effect
from proxy.config.general_schema import GeneralSettings
from proxy.config.litellm_schema import LitellmSettings
from proxy.config.router_schema import RouterSection

SECTIONS = (GeneralSettings, AlertingArgs, SlowPercentile, DigestSettings, CaptureCheck, LitellmSettings, RouterSection)


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == page(), "run: python -m proxy.config.document"


@pytest.mark.parametrize("section", SECTIONS)
def test_every_setting_says_what_it_is(section: type[BaseModel]) -> None:
    assert [name for name, field in section.model_fields.items() if not field.description] == []


@pytest.mark.parametrize(
    ("section", "names"),
    [(GeneralSettings, known.GENERAL), (LitellmSettings, known.LITELLM), (RouterSection, known.ROUTER)],
)
def test_every_setting_is_checked_or_told_to_have_no_effect(section: type[BaseModel], names: frozenset[str]) -> None:
    silent = frozenset().union(*without_effect().values()) | known.NEVER_STORED

    assert names - section.model_fields.keys() - silent == set()
    assert section.model_fields.keys() & silent - known.NEVER_STORED == set()
