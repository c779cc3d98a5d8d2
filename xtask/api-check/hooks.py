"""Keeps the fuzzer logged in, whatever it does to the login it uses; agrees with plans; leaves out what is
excluded.

The fuzzer may end its session, revoke its tokens, and change, disable or delete its login, and an
access token does not live long. So what it sends is one of many tokens, and before each request
that carries one this asks the service whether that one still counts. If not, it logs in again; if
the login is gone, it makes another one.

All of that goes over the Unix socket, where whoever runs the service is an administrator without
any login and no address is counted: nothing that the fuzzer does over TCP can lock it out there.
"""

import http.client
import json
import os
import secrets
import socket

import schemathesis

SOCKET = os.environ["API_CHECK_SOCKET"]
# Problems that may meet a request which the schema allows: exclusions.txt has the reasons.
CODES = os.environ["API_CHECK_CODES"].split()
CONFIRM = "X-Confirm-Plan"
SECONDS = 30


class Unix(http.client.HTTPConnection):
    """HTTP over the Unix socket of the service."""

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(SECONDS)
        self.sock.connect(SOCKET)


class Keeper:
    """Holds a token that counts."""

    def __init__(self):
        self.connection = Unix("localhost")
        self.username = "admin"
        self.password = os.environ["API_CHECK_PASSWORD"]
        self.token = None
        # All that were ever given out: cases are made long before they are sent.
        self.issued = set()

    def counting(self):
        """A token that counts now, and is an administrator's."""
        if not self.counts(self.token):
            self.token = self.log_in()
            if not self.counts(self.token):
                self.token = self.log_in_anew()
            self.issued.add(self.token)
        return self.token

    def counts(self, token):
        if token is None:
            return False
        status, me = self.ask("GET", "/api/auth/me", token=token)
        return status == 200 and me["role"] == "admin"

    def log_in(self):
        login = {"username": self.username, "password": self.password}
        status, tokens = self.ask("POST", "/api/auth/login", login)
        return tokens.get("token") if status == 200 else None

    def log_in_anew(self):
        """The login was changed or is gone: have another one."""
        self.username = f"fuzzer-{secrets.token_hex(6)}"
        self.password = secrets.token_hex(16)
        login = {"username": self.username, "password": self.password, "role": "admin"}
        made = self.ask("POST", "/api/users", login)
        token = self.log_in()
        if not self.counts(token):
            raise RuntimeError(f"the service lets nobody in; a new login is answered {made}")
        return token

    def ask(self, method, path, body=None, token=None):
        """The status, and the JSON of the answer."""
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        text = json.dumps(body) if body is not None else None
        for is_last in (False, True):
            try:
                self.connection.request(method, path, text, headers)
                answer = self.connection.getresponse()
                read = answer.read()
                return answer.status, json.loads(read or "null")
            except (http.client.HTTPException, OSError):
                # The service closes a connection that is idle.
                self.connection.close()
                if is_last:
                    raise


KEEPER = Keeper()
AGREED = []


# No cache but ours: `before_call` sees to it that what is sent counts.
@schemathesis.auth(refresh_interval=None)
class Login:
    def get(self, case, context):
        return KEEPER.token or KEEPER.counting()

    def set(self, case, token, context):
        case.headers["Authorization"] = f"Bearer {token}"


@schemathesis.hook
def before_call(context, case, kwargs):
    sent = (case.headers or {}).get("Authorization", "")
    token = sent.removeprefix("Bearer ")
    # Another one was made up by the fuzzer, to see it refused.
    if token in KEEPER.issued:
        counting = KEEPER.counting()
        if token != counting:
            case.headers["Authorization"] = f"Bearer {counting}"
        agree(case, counting)


def agree(case, token):
    """Confirms the plan of every second change that has none: else nothing dangerous is ever done."""
    asked = {it.name: case.headers.get(it.name) for it in case.operation.headers}
    if asked.get(CONFIRM, "") is not None:
        return
    AGREED.append(case.id)
    if len(AGREED) % 2 == 0:
        return
    wish = {
        "operation": case.operation.definition.raw["operationId"],
        "path": case.path_parameters or {},
        "body": case.body if isinstance(case.body, dict) else None,
    }
    try:
        status, plan = KEEPER.ask("POST", "/api/plans", wish, token)
    except (TypeError, UnicodeError):
        # The fuzzer made what is no JSON: it is to be refused, not planned.
        return
    if status == 200:
        case.headers[CONFIRM] = plan["fingerprint"]


@schemathesis.hook
def filter_failure(context, failure, case, response):
    if type(failure).__name__ != "RejectedPositiveData":
        return True
    try:
        problem = response.json()
    except ValueError:
        return True
    return not (isinstance(problem, dict) and problem.get("code") in CODES)
