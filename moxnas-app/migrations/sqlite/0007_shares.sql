-- What is offered to the network, as somebody has meant it. What the daemons serve, only a look says.

CREATE TABLE share (
    node       TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    -- The share as JSON, its name among it.
    body       TEXT    NOT NULL CHECK (json_valid(body)),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (node, name)
) STRICT;

-- What holds for all shares of a machine; no row: what the program thinks right.
CREATE TABLE share_settings (
    node       TEXT    PRIMARY KEY NOT NULL,
    body       TEXT    NOT NULL CHECK (json_valid(body)),
    updated_at INTEGER NOT NULL
) STRICT;

-- What was meant before a change. The number is that of the first generation of files which the change
-- made, see the files themselves.
CREATE TABLE share_generation (
    node      TEXT    NOT NULL,
    number    INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    made_by   TEXT    NOT NULL,
    operation TEXT    NOT NULL,
    -- Settings and shares as JSON.
    before    TEXT    NOT NULL CHECK (json_valid(before)),
    PRIMARY KEY (node, number)
) STRICT;
