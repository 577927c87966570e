"""Simplified Chinese: as in English, so that a log and a page can be laid side by side."""

DATETIME_FORMAT = "Y-m-d H:i:s"
DATE_FORMAT = "Y-m-d"
TIME_FORMAT = "H:i:s"
MONTH_DAY_FORMAT = "n月j日"
