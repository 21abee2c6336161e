"""Makes the calls that stand on the standard input, with a client of an SDK that has Segment's methods."""

import json
import sys
import time
from datetime import datetime

ARGUMENTS = {
    "event": "event",
    "name": "name",
    "category": "category",
    "properties": "properties",
    "traits": "traits",
    "context": "context",
    "userId": "user_id",
    "anonymousId": "anonymous_id",
    "groupId": "group_id",
    "previousId": "previous_id",
    "messageId": "message_id",
}


def read():
    return json.load(sys.stdin)


def make_calls(client, task):
    for call in task["calls"]:
        arguments = {ARGUMENTS[name]: value for name, value in call.items() if name in ARGUMENTS}
        if "timestamp" in call:
            arguments["timestamp"] = datetime.fromisoformat(call["timestamp"])
        getattr(client, call["type"])(**arguments)
        time.sleep(task["intervalSeconds"])


def deliver(client, failures):
    """Waits until the client has delivered everything, or has given up: then this process fails."""
    client.shutdown()
    if failures:
        sys.exit(f"gave up: {failures}")
