"""For sqlmap: every payload comes from another address, so that nobody is slowed down as one who guesses,
and what is changed is changed whatever its version is, so that no 412 keeps a payload from storage."""

import os
import random

__priority__ = 0


def dependencies():
    pass


def tamper(payload, **kwargs):
    headers = kwargs["headers"]
    headers["X-Forwarded-For"] = ".".join(str(random.randint(1, 250)) for _ in range(4))
    if "ANY_VERSION" in os.environ:
        headers["If-Match"] = "*"
    return payload
