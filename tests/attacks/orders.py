"""An ordinary customer, while others attack: places an order and reads it, ten times a second, over a
connection that is open and over a new one each time, for as long as the attack runs. Prints what came of it,
and fails unless everything was answered.

    API=http://… TOKEN=… PRODUCT=… python3 orders.py NAME COMMAND…
"""

import http.client
import json
import os
import subprocess
import sys
import time
import uuid

HOST, TOKEN, PRODUCT = os.environ["API"].removeprefix("http://"), os.environ["TOKEN"], os.environ["PRODUCT"]
BODY = json.dumps({"itens": [{"product_id": PRODUCT, "quantidade": 1}]})
HEADERS = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}

worst = {"open": 0.0, "new": 0.0}
answered, failures = 0, []


def connection():
    return http.client.HTTPConnection(HOST, timeout=30)


def ask(over, kind, method, path, body, wanted):
    global answered
    begun = time.monotonic()
    headers = HEADERS | ({"Idempotency-Key": str(uuid.uuid4())} if body else {})
    try:
        try:
            over.request(method, path, body, headers)
            answer = over.getresponse()
        except (BrokenPipeError, ConnectionResetError, http.client.RemoteDisconnected):
            if kind == "new":
                raise
            # An open connection may have been idle for too long meanwhile: whoever keeps one tries again.
            over.close()
            over.request(method, path, body, headers)
            answer = over.getresponse()
        text = answer.read()
        if answer.status != wanted:
            failures.append(f"{method} {path.split('?')[0]}: {answer.status}")
            return None
    except (OSError, http.client.HTTPException) as error:
        failures.append(f"{method} {path.split('?')[0]}: {type(error).__name__}")
        over.close()
        return None
    answered += 1
    worst[kind] = max(worst[kind], time.monotonic() - begun)
    return json.loads(text)


attack = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL, stdout=sys.stderr)
kept = connection()
while attack.poll() is None:
    time.sleep(0.1)
    for kind, over in (("open", kept), ("new", connection())):
        order = ask(over, kind, "POST", "/orders", BODY, 201)
        if order:
            ask(over, kind, "GET", f"/orders/{order['id']}", None, 200)
        if kind == "new":
            over.close()

slowest = ", ".join(f"{int(seconds * 1000)} ms over {'an' if kind == 'open' else 'a'} {kind} connection" for kind, seconds in worst.items())
print(f"  {sys.argv[1]}: {answered} answered, {len(failures)} not; the slowest took {slowest}")
for failure in sorted(set(failures)):
    print(f"    {failures.count(failure)} × {failure}")
sys.exit(bool(failures) or answered == 0)
