"""Ids of rows whose maker did not choose one."""

import uuid


def new_id() -> str:
    return str(uuid.uuid4())
