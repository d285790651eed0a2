"""What tests turn and read, under ``/ext/``, and the counting of every call on its way to moto.

POST /ext/faults       [{"action", "status", "code", "count", "after", "delay", "message", "parameters"}]: the next
                       ``count`` calls of ``action`` (``*`` is any) whose parameters match get this answer; with
                       ``after`` the call is carried out first and only its answer is lost; with status 0 it is only slow
POST /ext/latency      {"milliseconds"}: every call takes this much longer
POST /ext/quotas       {"Users": 5, ...}: by the names of GetAccountSummary
POST /ext/page         {"items"}: no page of a list holds more
POST /ext/clock        {"ahead"}: seconds that conditions on time are ahead
POST /ext/notebooks    {"seconds"?, "failing"?: [reason], "most"?, "age"?, "arrive"?}: how long a notebook stays in a passing state, why the
                       next ones that start fail, how many there may be, how much longer ago all that
                       happened to them did, and whether what is on its way is there
POST /ext/sign-in      {"user", "password"}: whether the console would let them in
POST /ext/session      {"seconds"}: how long sessions of roles last from now on
POST /ext/issuers      {"https://issuer": {"keys": [...]}}: the keys by which tokens are verified
POST /ext/token        claims: a token with these, signed by an issuer that is played and known from then on
POST /ext/reset-calls  counters and log start anew
POST /ext/reset        all of the above, back to the start
GET  /ext/calls        {"CreateUser": 3, ...}
GET  /ext/grants       by access key: the statements and actions that alone allowed a call
GET  /ext/requests     the calls in order: service, action, parameters without secrets and documents, key, agent, status
"""

import io
import json
import re
import threading
import time
import urllib.parse
from collections import Counter, deque

from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.responses import BaseResponse
from moto.iam.models import iam_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication

from . import enforcement, notebooks, quotas, reading, sessions, tokens, users
from .patching import wrap

LOCK = threading.Lock()
# moto's objects are plain and its server has threads: calls are carried out one after the other, as if atomic.
CLOUD = threading.RLock()
FAULTS, CALLS, REQUESTS = [], Counter(), deque(maxlen=20_000)
LATENCY = {"milliseconds": 0}
LARGEST_PAGE = reading.PAGE["most"]
# Never kept: what is secret, and what is long.
UNLOGGED = re.compile(r"(?i)password|document|token|assertion|secret|^policy$|^OnCreate$|^OnStart$")
ERROR = (
    '<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type>'
    "<Code>{code}</Code><Message>{message}</Message></Error><RequestId>injected</RequestId></ErrorResponse>"
)


class Call:
    """One request to AWS, read from its WSGI environment."""

    def __init__(self, environ):
        length = int(environ.get("CONTENT_LENGTH") or 0)
        self.body = environ["wsgi.input"].read(length) if length else b""
        environ["wsgi.input"] = io.BytesIO(self.body)
        enforcement.WIRE.body, enforcement.WIRE.tags = self.body, {}
        self.path = environ.get("PATH_INFO", "")
        self.target = environ.get("HTTP_X_AMZ_TARGET", "")
        self.agent = environ.get("HTTP_USER_AGENT", "")
        credential = re.search(r"Credential=([^/]+)/[^/]*/[^/]*/([^/]+)/", environ.get("HTTP_AUTHORIZATION", ""))
        self.key_id, self.service = credential.groups() if credential else ("", "")
        self.action, self.parameters = "", {}
        if self.target:
            self.action = self.target.split(".")[-1]
            self.parameters = json_parameters(self.body)
        elif "form" in environ.get("CONTENT_TYPE", ""):
            form = urllib.parse.parse_qs(self.body.decode("utf-8", "replace"), keep_blank_values=True)
            self.parameters = {name: values[0] for name, values in form.items()}
            self.action = self.parameters.pop("Action", "")
            self.parameters.pop("Version", None)
        elif self.service:
            self.parameters = {"method": environ["REQUEST_METHOD"], "path": self.path}

    def count(self):
        with LOCK:
            if self.action:
                CALLS[self.action] += 1
            self.entry = {
                "service": self.service,
                "action": self.action,
                "parameters": {name: v for name, v in self.parameters.items() if not UNLOGGED.search(name)},
                "access_key_id": self.key_id,
                "user_agent": self.agent,
                "status": 0,
            }
            REQUESTS.append(self.entry)

    def fault(self):
        """The fault that hits this call, if any, used up by one."""
        with LOCK:
            for fault in FAULTS:
                if fault.get("count", 1) > 0 and self.hit_by(fault):
                    fault["count"] = fault.get("count", 1) - 1
                    return fault
        return None

    def hit_by(self, fault):
        if not self.action or fault["action"] not in ("*", self.action):
            return False
        patterns = fault.get("parameters") or {}
        return all(re.fullmatch(pattern, self.parameters.get(name, "")) for name, pattern in patterns.items())


def json_parameters(body):
    try:
        parsed = json.loads(body or b"{}")
    except ValueError:
        return {}
    return {name: value for name, value in parsed.items() if isinstance(value, str)}


def reset_calls():
    CALLS.clear()
    REQUESTS.clear()


def reset():
    reset_calls()
    enforcement.GRANTS.clear()
    FAULTS.clear()
    quotas.OVERRIDES.clear()
    sessions.LENGTH["seconds"] = None
    tokens.ISSUERS.clear()
    LATENCY["milliseconds"] = enforcement.CLOCK["ahead"] = 0
    reading.PAGE["most"] = LARGEST_PAGE
    notebooks.PACE["seconds"], notebooks.MOST["notebooks"] = notebooks.DELAY, None
    notebooks.FAILING.clear()


def switch(path, body):
    """Turns one switch and gives what to answer."""
    value = json.loads(body) if body.strip() else None
    with LOCK:
        if path == "/ext/faults" and value is not None:
            FAULTS[:] = value
        elif path == "/ext/latency":
            LATENCY["milliseconds"] = value["milliseconds"]
        elif path == "/ext/quotas":
            quotas.OVERRIDES.update(value)
        elif path == "/ext/page":
            reading.PAGE["most"] = value["items"]
        elif path == "/ext/clock":
            enforcement.CLOCK["ahead"] = value["ahead"]
        elif path == "/ext/notebooks":
            notebooks.PACE["seconds"] = value.get("seconds", notebooks.PACE["seconds"])
            notebooks.FAILING[:] = value.get("failing", notebooks.FAILING)
            notebooks.MOST["notebooks"] = value.get("most", notebooks.MOST["notebooks"])
            notebooks.age(value.get("age", 0))
            if value.get("arrive"):
                notebooks.arrive()
        elif path == "/ext/sign-in":
            return users.signs_in(iam_backends[DEFAULT_ACCOUNT_ID]["aws"], value["user"], value["password"])
        elif path == "/ext/issuers":
            tokens.ISSUERS.update(value)
        elif path == "/ext/token":
            return tokens.signed(value)
        elif path == "/ext/session":
            sessions.LENGTH["seconds"] = value["seconds"]
        elif path == "/ext/reset-calls":
            reset_calls()
        elif path == "/ext/reset":
            reset()
        elif path == "/ext/grants":
            return {key: sorted(grants) for key, grants in enforcement.GRANTS.items()}
        elif path == "/ext/requests":
            return list(REQUESTS)
        elif path == "/ext/faults":
            return FAULTS
        elif path != "/ext/calls":
            return None
        return CALLS


def injected(call, fault):
    message = fault.get("message", "injected")
    if call.target:
        answer = json.dumps({"__type": fault["code"], "message": message})
        return fault["status"], answer, "application/x-amz-json-1.1"
    return fault["status"], ERROR.format(code=fault["code"], message=message), "text/xml"


@wrap(DomainDispatcherApplication, "__call__")
def _(moto, self, environ, start_response):
    def reply(status, body, content_type="application/json"):
        body = body.encode()
        start_response(f"{status} X", [("content-type", content_type), ("content-length", str(len(body)))])
        return [body]

    call = Call(environ)
    if call.path.startswith("/ext/"):
        try:
            answer = switch(call.path, call.body)
        except (ValueError, KeyError, TypeError) as error:
            return reply(400, json.dumps({"error": repr(error)}))
        return reply(404, "{}") if answer is None else reply(200, json.dumps(answer))
    if call.path.startswith("/moto-api/"):
        return moto(self, environ, start_response)

    call.count()
    time.sleep(LATENCY["milliseconds"] / 1000)

    def start(status, headers, *rest):
        call.entry["status"] = int(status.split()[0])
        return start_response(status, headers, *rest)

    fault = call.fault()
    time.sleep(fault.get("delay") or 0 if fault else 0)
    if fault is None or not fault["status"]:
        with CLOUD:
            return moto(self, environ, start)
    if fault.get("after"):
        with CLOUD:
            moto(self, environ, lambda *_: None)
    call.entry["status"] = fault["status"]
    return reply(*injected(call, fault))


@wrap(BaseResponse, "call_action")
def _(old, self):
    """moto's answer to what it does not know is a page with status 500, which SDKs take for a reason to retry."""
    try:
        return old(self)
    except NotImplementedError as error:
        message = f"Could not find operation {self._get_action()}: {error}"
        body = ERROR.format(code="InvalidAction", message=message)
        if self.headers.get("X-Amz-Target"):
            body = json.dumps({"__type": "InvalidAction", "message": message})
        return 400, self.response_headers, body
