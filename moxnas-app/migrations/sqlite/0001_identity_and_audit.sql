-- Who may, and who did what.
--
-- Times are whole milliseconds since 1970 (UTC): they compare as numbers on every engine, which
-- RFC 3339 text does not. Closed sets (role, phase, result) are checked by the types of the
-- program, not by CHECK, because SQLite cannot change a CHECK without copying the table.

CREATE TABLE login (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    -- Lower case always, so that names differing only in case are one name.
    username      TEXT    NOT NULL UNIQUE CHECK (username = lower(username)),
    role          TEXT    NOT NULL,
    -- PHC string; NULL means that nobody can log in with a password yet.
    password_hash TEXT,
    disabled      INTEGER NOT NULL DEFAULT 0 CHECK (disabled IN (0, 1)),
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT;

-- One login on one client: the family of refresh tokens that came from it.
CREATE TABLE session (
    -- Random text, carried in access tokens as `sid`.
    id          TEXT    PRIMARY KEY NOT NULL,
    login_id    INTEGER NOT NULL REFERENCES login (id) ON DELETE CASCADE,
    address     TEXT,
    created_at  INTEGER NOT NULL,
    -- That of its youngest refresh token.
    expires_at  INTEGER NOT NULL,
    revoked_at  INTEGER,
    revoked_for TEXT
) STRICT;

CREATE INDEX session_login   ON session (login_id);
CREATE INDEX session_expires ON session (expires_at);

CREATE TABLE refresh_token (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    session_id  TEXT    NOT NULL REFERENCES session (id) ON DELETE CASCADE,
    -- SHA-256 of the token. It is 256 random bits, so a slow hash would add nothing.
    secret_hash BLOB    NOT NULL UNIQUE,
    issued_at   INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    used_at     INTEGER
) STRICT;

CREATE INDEX refresh_token_session ON refresh_token (session_id);
CREATE INDEX refresh_token_expires ON refresh_token (expires_at);

CREATE TABLE audit (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    at          INTEGER NOT NULL,
    actor       TEXT    NOT NULL,
    via         TEXT    NOT NULL,
    address     TEXT,
    operation   TEXT    NOT NULL,
    object      TEXT,
    phase       TEXT    NOT NULL,
    result      TEXT,
    fingerprint TEXT,
    request_id  TEXT    NOT NULL,
    detail      TEXT    NOT NULL CHECK (json_valid(detail))
) STRICT;

CREATE TRIGGER audit_refuses_update BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

CREATE TRIGGER audit_refuses_delete BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

-- INSERT OR REPLACE removes the old row without firing the trigger above.
CREATE TRIGGER audit_refuses_replace BEFORE INSERT ON audit
WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
