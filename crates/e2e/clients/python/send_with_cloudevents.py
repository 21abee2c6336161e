"""Sends CloudEvents as the package `cloudevents` writes them, by each of its two interfaces."""

from datetime import datetime

import requests
import task
from cloudevents.core.bindings import http as core
from cloudevents.core.v1.event import CloudEvent as CoreEvent
from cloudevents.v1 import conversion
from cloudevents.v1.http import CloudEvent


def of_core(write):
    def message(attributes, data):
        time = datetime.fromisoformat(attributes["time"])
        written = write(CoreEvent({**attributes, "specversion": "1.0", "time": time}, data))
        return written.headers, written.body

    return message


WRITE = {
    "structured": lambda attributes, data: conversion.to_structured(CloudEvent(attributes, data)),
    # It names no media type unless `datacontenttype` does.
    "binary": lambda attributes, data: conversion.to_binary(CloudEvent(attributes, data)),
    "core structured": of_core(core.to_structured_event),
    "core binary": of_core(core.to_binary_event),
}

work = task.read()
headers, body = WRITE[work["mode"]](work["attributes"], work["data"])
headers = {**headers, "Authorization": f"Bearer {work['writeKey']}"}
answer = requests.post(f"{work['gateway']}/api/events", headers=headers, data=body, timeout=30)
if answer.status_code != 202:
    raise SystemExit(f"expected 202, found {answer.status_code}: {answer.text}")
