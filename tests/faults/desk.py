"""A program that sets up channels, read from its input, to which everything is told."""

import json
import sys

import django

django.setup()

from alerts.models import AlertChannel, AlertRoute  # noqa: E402 - needs the settings

AlertRoute.objects.update(enabled=False)
route = AlertRoute.objects.create(name="everything to everybody", position=1)
for columns in json.load(sys.stdin):
    route.channels.add(AlertChannel.objects.create(**columns, most_per_minute=0, private_address_allowed=True))
