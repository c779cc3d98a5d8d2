-- What ran, what runs next, and more ways to say who one is.
--
-- `node` is the machine that a row belongs to, by the id in the `node` table: several machines may
-- share one PostgreSQL later. Rows without it (logins, keys, sessions) belong to all of them.

CREATE TABLE node (
    -- Random, kept in a file of the data folder.
    id           TEXT    PRIMARY KEY NOT NULL,
    name         TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL
) STRICT;

-- The account of the system that belongs to a login, if any.
ALTER TABLE login ADD COLUMN account       TEXT;
ALTER TABLE login ADD COLUMN last_login_at INTEGER;

ALTER TABLE session ADD COLUMN user_agent   TEXT;
ALTER TABLE session ADD COLUMN last_seen_at INTEGER;
-- SHA-256 of the cookie of a browser's session; NULL for one that lives by tokens.
ALTER TABLE session ADD COLUMN cookie_hash  BLOB;
CREATE UNIQUE INDEX session_cookie ON session (cookie_hash);

-- A second factor. The secret itself is sealed, in `secret`.
CREATE TABLE totp (
    login_id     INTEGER PRIMARY KEY NOT NULL REFERENCES login (id) ON DELETE CASCADE,
    created_at   INTEGER NOT NULL,
    -- NULL until the first code has shown that the app has the secret.
    confirmed_at INTEGER,
    -- The step of the last code that was taken: none at or before it counts again.
    last_step    INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE recovery_code (
    login_id  INTEGER NOT NULL REFERENCES login (id) ON DELETE CASCADE,
    code_hash BLOB    NOT NULL,
    used_at   INTEGER,
    PRIMARY KEY (login_id, code_hash)
) STRICT;

CREATE TABLE api_key (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    login_id       INTEGER NOT NULL REFERENCES login (id) ON DELETE CASCADE,
    name           TEXT    NOT NULL,
    -- The part of the key that is shown, to tell keys apart.
    prefix         TEXT    NOT NULL UNIQUE,
    -- SHA-256 of the whole key. It is 256 random bits, so a slow hash would add nothing.
    secret_hash    BLOB    NOT NULL UNIQUE,
    -- At most that of the login.
    role           TEXT    NOT NULL,
    -- JSON lists: patterns of operation ids, networks. An empty list of networks is all of them.
    scopes         TEXT    NOT NULL CHECK (json_valid(scopes)),
    networks       TEXT    NOT NULL CHECK (json_valid(networks)),
    created_at     INTEGER NOT NULL,
    expires_at     INTEGER,
    last_used_at   INTEGER,
    last_used_from TEXT,
    revoked_at     INTEGER
) STRICT;

CREATE INDEX api_key_login ON api_key (login_id);

-- What must be read again in clear, sealed with a key that is not in the database.
CREATE TABLE secret (
    name       TEXT    PRIMARY KEY NOT NULL,
    -- Which key of the key file sealed it.
    key_id     TEXT    NOT NULL,
    -- Nonce and ciphertext; `name` is part of what is authenticated.
    sealed     BLOB    NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE job (
    -- Time-ordered and unique.
    id                  TEXT    PRIMARY KEY NOT NULL,
    node                TEXT    NOT NULL,
    kind                TEXT    NOT NULL,
    -- What it holds while it is not over, such as `array:tank`; one job at a time may.
    object              TEXT    NOT NULL,
    args                TEXT    NOT NULL CHECK (json_valid(args)),
    state               TEXT    NOT NULL,
    -- Of 10,000; NULL where nobody can tell.
    progress            INTEGER,
    message             TEXT,
    parent              TEXT    REFERENCES job (id) ON DELETE CASCADE,
    retry_of            TEXT,
    attempt             INTEGER NOT NULL DEFAULT 1,
    schedule            TEXT,
    actor               TEXT    NOT NULL,
    via                 TEXT    NOT NULL,
    request_id          TEXT    NOT NULL,
    created_at          INTEGER NOT NULL,
    started_at          INTEGER,
    finished_at         INTEGER,
    cancel_requested_at INTEGER,
    -- What the job needs to go on after a restart of the service.
    checkpoint          TEXT    CHECK (checkpoint IS NULL OR json_valid(checkpoint)),
    result              TEXT    CHECK (result IS NULL OR json_valid(result)),
    error_code          TEXT,
    error               TEXT
) STRICT;

CREATE UNIQUE INDEX job_holds ON job (node, object)
    WHERE state IN ('queued', 'running', 'paused');
CREATE INDEX job_created  ON job (created_at);
CREATE INDEX job_parent   ON job (parent);
CREATE INDEX job_schedule ON job (node, schedule, id);

CREATE TABLE job_log (
    job_id TEXT    NOT NULL REFERENCES job (id) ON DELETE CASCADE,
    seq    INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    level  TEXT    NOT NULL,
    line   TEXT    NOT NULL,
    PRIMARY KEY (job_id, seq)
) STRICT;

CREATE TABLE schedule (
    node       TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    -- What an administrator set; NULL means as the program says.
    expression TEXT,
    timezone   TEXT,
    pause_at   TEXT,
    jitter_s   INTEGER,
    enabled    INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
    -- When it runs next; NULL: never. Moved on in the transaction that makes the run's job.
    next_at    INTEGER,
    last_at    INTEGER,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (node, name)
) STRICT;

-- The audit log becomes a chain, one a node: `hash` covers the record and the hash before it.
-- Records from before have none.
ALTER TABLE audit ADD COLUMN node TEXT;
ALTER TABLE audit ADD COLUMN seq  INTEGER;
ALTER TABLE audit ADD COLUMN hash BLOB;
CREATE UNIQUE INDEX audit_chain ON audit (node, seq);
CREATE INDEX audit_at        ON audit (at, id);
-- What people look for.
CREATE INDEX audit_actor     ON audit (actor, id);
CREATE INDEX audit_operation ON audit (operation, id);
CREATE INDEX audit_object    ON audit (object, id);
CREATE INDEX audit_request   ON audit (request_id, id);

-- Where the chain begins since older records were dropped.
CREATE TABLE audit_anchor (
    node    TEXT    PRIMARY KEY NOT NULL,
    -- The last record that was dropped.
    seq     INTEGER NOT NULL,
    hash    BLOB    NOT NULL,
    -- How many were dropped in all, and when the last of them were.
    dropped INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    -- Made with a key that is not in the database: who can write here still cannot drop records.
    mac     BLOB    NOT NULL
) STRICT;

DROP TRIGGER audit_refuses_delete;
CREATE TRIGGER audit_refuses_delete BEFORE DELETE ON audit
WHEN OLD.seq IS NULL
    OR OLD.seq > coalesce((SELECT seq FROM audit_anchor WHERE node = OLD.node), -1)
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

-- INSERT OR REPLACE removes the old row without firing the trigger above, also when it is only the
-- place in the chain that is taken.
DROP TRIGGER audit_refuses_replace;
CREATE TRIGGER audit_refuses_replace BEFORE INSERT ON audit
WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id)
    OR EXISTS (SELECT 1 FROM audit WHERE node = NEW.node AND seq = NEW.seq)
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

CREATE TRIGGER audit_anchor_refuses_replace BEFORE INSERT ON audit_anchor
WHEN EXISTS (SELECT 1 FROM audit_anchor WHERE node = NEW.node)
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

CREATE TRIGGER audit_anchor_moves_on BEFORE UPDATE ON audit_anchor
WHEN NEW.seq < OLD.seq OR NEW.node <> OLD.node
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

CREATE TRIGGER audit_anchor_stays BEFORE DELETE ON audit_anchor
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
