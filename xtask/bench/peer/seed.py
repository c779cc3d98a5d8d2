"""Fills the peer's database with a list of the service it stands beside, and prints a token.

    seed.py FOLDER ANSWER SECRET

ANSWER is a file with the JSON of the list. Each field of its items becomes a column.
"""

import json
import os
import sys
import uuid
from datetime import datetime, timedelta, timezone

folder, answer, secret = sys.argv[1:]
os.environ.update(PEER_FOLDER=folder, PEER_SECRET=secret)


def kind(values):
    kinds = {type(it).__name__ for it in values if it is not None}
    only = kinds.pop() if len(kinds) == 1 else "json"
    return only if only in ("bool", "int", "float", "str") else "json"


def has_null(value):
    if isinstance(value, dict):
        return any(has_null(it) for it in value.values())
    if isinstance(value, list):
        return any(has_null(it) for it in value)
    return value is None


with open(answer) as file:
    rest = json.load(file)
items = rest.pop("items")
names = list(dict.fromkeys(name for item in items for name in item))
columns = {name: kind([item.get(name) for item in items]) for name in names}
leaves_out_null = any(name not in item for item in items for name in names)
if leaves_out_null and has_null([items, rest]):
    sys.exit("some fields are left out and some are null: one model cannot say both")
with open(os.path.join(folder, "list.json"), "w") as file:
    json.dump({"columns": columns, "rest": rest, "leaves_out_null": leaves_out_null}, file)

import jwt
from app import Base, Login, LoginSession, Row, engine, sessions

Base.metadata.create_all(engine)
expires = datetime.now(timezone.utc) + timedelta(hours=12)
sid = uuid.uuid4().hex
with sessions() as db:
    db.add(Login(id=1, username="admin", role="admin", disabled=False))
    db.flush()
    db.add(
        LoginSession(id=sid, login_id=1, ended=False, expires_at=expires.replace(tzinfo=None))
    )
    for number, item in enumerate(items):
        db.add(Row(row=number, **{f"it_{name}": item.get(name) for name in columns}))
    db.commit()
print(jwt.encode({"sub": "1", "sid": sid, "exp": expires}, secret, algorithm="HS256"))
