"""Drives segment-analytics-python.

`max_retries` is 10 by default; an answer with Retry-After is waited for and not counted, for half an hour at most
(`max_rate_limit_duration`). `gzip` is off by default.
"""

import task
from segment.analytics.client import Client

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
