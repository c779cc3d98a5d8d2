"""What a small service for the same list looks like in FastAPI, SQLAlchemy and SQLite.

The table and the model of the answer are made from the columns that `seed.py` found in the list of
the service this one stands beside; whoever writes such a service by hand writes them out. All else
is as the documentation of these libraries has it, and where that leaves a choice the faster one was
taken: handlers without `await` run on the event loop, as a query takes less than the way to a
thread and back; sessions come from a pool; the answer is validated and written by pydantic.
"""

import json
import os
from datetime import datetime, timezone
from typing import Annotated, Any

import jwt
from fastapi import Depends, FastAPI, HTTPException, Query
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, create_model
from sqlalchemy import JSON, BigInteger, Boolean, Float, ForeignKey, String, create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

FOLDER = os.environ["PEER_FOLDER"]
SECRET = os.environ["PEER_SECRET"]
with open(os.path.join(FOLDER, "list.json")) as file:
    # `columns` by name, `rest` of the answer beside the items, and whether nulls are left out.
    LIST = json.load(file)

TYPES = {
    "bool": (Boolean, bool),
    "int": (BigInteger, int),
    "float": (Float, float),
    "str": (String, str),
    "json": (JSON, Any),
}


class Base(DeclarativeBase):
    pass


class Login(Base):
    __tablename__ = "logins"
    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    disabled: Mapped[bool]


class LoginSession(Base):
    __tablename__ = "sessions"
    id: Mapped[str] = mapped_column(primary_key=True)
    login_id: Mapped[int] = mapped_column(ForeignKey("logins.id"))
    ended: Mapped[bool]
    expires_at: Mapped[datetime]


Row = type(
    "Row",
    (Base,),
    {
        "__tablename__": "items",
        "row": mapped_column(BigInteger, primary_key=True),
        **{
            # The name of a field may be one that SQLAlchemy keeps for itself.
            f"it_{name}": mapped_column(name, TYPES[kind][0], nullable=True)
            for name, kind in LIST["columns"].items()
        },
    },
)

Item = create_model(
    "Item",
    **{
        name: (TYPES[kind][1] | None if kind != "json" else Any, None)
        for name, kind in LIST["columns"].items()
    },
)

Page = create_model(
    "Page",
    items=(list[Item], ...),
    **{name: (Any, value) for name, value in LIST["rest"].items()},
)

engine = create_engine(f"sqlite:///{os.path.join(FOLDER, 'peer.sqlite')}")
sessions = sessionmaker(engine, expire_on_commit=False)
app = FastAPI()
bearer = HTTPBearer(auto_error=False)


async def database():
    with sessions() as session:
        yield session


# Ended before the answer is sent: a client that is slow to take it holds no connection of the pool.
Database = Annotated[Session, Depends(database, scope="function")]


async def admin(
    db: Database,
    shown: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
) -> Login:
    """The login of the token: its signature, its session, and its role of this moment."""
    refused = HTTPException(401, "a login is required", {"WWW-Authenticate": "Bearer"})
    if shown is None:
        raise refused
    try:
        claims = jwt.decode(shown.credentials, SECRET, algorithms=["HS256"])
    except jwt.InvalidTokenError:
        raise refused
    found = db.execute(
        select(LoginSession, Login)
        .join(Login, Login.id == LoginSession.login_id)
        .where(LoginSession.id == claims["sid"])
    ).one_or_none()
    if found is None:
        raise refused
    session, login = found
    now = datetime.now(timezone.utc).replace(tzinfo=None)
    if session.ended or session.expires_at < now or login.disabled:
        raise refused
    if login.role != "admin":
        raise HTTPException(403, "this takes an admin")
    return login


@app.get("/items", response_model=Page, response_model_exclude_none=LIST["leaves_out_null"])
async def items(
    db: Database,
    login: Annotated[Login, Depends(admin)],
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
):
    rows = db.scalars(select(Row).order_by(Row.row).limit(limit)).all()
    names = LIST["columns"]
    return Page(
        items=[Item(**{name: getattr(row, f"it_{name}") for name in names}) for row in rows]
    )
