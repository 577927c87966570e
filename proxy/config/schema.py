"""What a config.yaml must look like. Wrong types and unknown alert types are errors, unknown keys warnings."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from proxy.config import known
from proxy.config.general_schema import GeneralSettings
from proxy.config.health_schema import ModelInfo
from proxy.config.litellm_schema import LitellmSettings
from proxy.config.router_schema import check_router_section
from proxy.config.values import Section, plain
from proxy.core.kinds import did_you_mean

RouterValues = Annotated[dict[str, Any], AfterValidator(check_router_section)]


class ModelEntry(Section):
    model_config = ConfigDict(extra="allow", protected_namespaces=())

    model_name: Annotated[str, StringConstraints(min_length=1, max_length=255)] = Field(
        description="What clients call it; entries of the same name are one model group."
    )
    litellm_params: "LitellmParams" = Field(description="Where and how it is asked.")
    model_info: ModelInfo = Field(default_factory=ModelInfo, description="What is known about it.")


class LitellmParams(Section):
    model: Annotated[str, StringConstraints(min_length=1, max_length=255)] = Field(
        description="`provider/model`, or a pattern such as `openai/*`."
    )
    api_base: str | None = Field(None, description="The upstream's address, where it is not the provider's own.")
    api_key: str | None = Field(
        default=None, description="Its credential: `os.environ/OPENAI_API_KEY`; encrypted at rest and never shown."
    )


class Document(BaseModel):
    """A whole config.yaml."""

    model_config = ConfigDict(extra="allow", protected_namespaces=())

    model_list: list[ModelEntry] = Field(default=[], description="The deployments.")
    general_settings: GeneralSettings = GeneralSettings()
    litellm_settings: LitellmSettings = LitellmSettings()
    router_settings: RouterValues = {}
    environment_variables: dict[str, str | int | float | bool] = Field(
        default={}, description="Variables that are set before anything else is read."
    )

    @model_validator(mode="before")
    @classmethod
    def _json_only(cls, value: Any) -> Any:
        return plain(value)

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Self:
        ids = [str(entry.model_info["id"]) for entry in self.model_list if entry.model_info.get("id")]
        if doubled := {name for name in ids if ids.count(name) > 1}:
            raise ValueError(f"model_list: two entries share the model_info.id {min(doubled)!r}")
        return self

    def unknown_keys(self) -> list[str]:
        """Sentences about keys nobody reads."""
        general = self.general_settings
        return [
            *_unknown("", self.model_extra or {}, known.SECTIONS),
            *_unknown("general_settings.", general.model_extra or {}, known.GENERAL),
            *_unknown("general_settings.alerting_args.", general.alerting_args.model_extra or {}, known.ALERTING_ARGS),
            *_unknown("litellm_settings.", self.litellm_settings.model_extra or {}, known.LITELLM),
            *_unknown("router_settings.", self.router_settings, known.ROUTER),
        ]

    def without_effect(self) -> list[str]:
        """Settings that are known and that this version does not act on, by their full name."""
        given = {
            "general_settings": self.general_settings.model_dump(exclude_unset=True),
            "litellm_settings": self.litellm_settings.model_dump(exclude_unset=True),
            "router_settings": self.router_settings,
        }
        names = {"general_settings": known.GENERAL, "litellm_settings": known.LITELLM, "router_settings": known.ROUTER}
        return [
            f"{section}.{name}"
            for section, values in given.items()
            for name in values
            if name in names[section] - known.IN_EFFECT
        ]


def _unknown(prefix: str, given: Mapping[str, Any], names: frozenset[str]) -> list[str]:
    return [
        f"{prefix}{name} is not a setting and has no effect{did_you_mean(name, names)}"
        for name in given
        if name not in names
    ]
