"""A page of Prometheus as what was pushed is compared with it."""

from prometheus_client.parser import text_string_to_metric_families

from tests.fakes.collector import Samples


def of_page(text: str) -> Samples:
    """By name and labels; a label that is empty is one that is not there."""

    def value(name: str, text: str) -> str:
        return str(float(text)) if name == "le" else text

    return {
        (
            sample.name,
            frozenset((name, value(name, text)) for name, text in sample.labels.items() if text),
        ): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
