"""Drives rudder-sdk-python.

`max_retries` is 10 by default, with pauses drawn at random below 1 s, 2 s, 4 s and so on: minutes in all. `gzip` is on by
default.
"""

import task
from rudderstack.analytics.client import Client

work = task.read()
failures = []
client = Client(
    work["writeKey"],
    host=work["gateway"],
    gzip=work["gzip"],
    on_error=lambda error, batch: failures.append(str(error)),
)
task.make_calls(client, work)
task.deliver(client, failures)
