-- What is offered to the network, as somebody has meant it. What the daemons serve, only a look says.

CREATE TABLE share (
    node       TEXT COLLATE "C" NOT NULL,
    name       TEXT COLLATE "C" NOT NULL,
    -- The share as JSON, its name among it.
    body       TEXT COLLATE "C" NOT NULL CHECK (body::json IS NOT NULL),
    created_at BIGINT  NOT NULL,
    updated_at BIGINT  NOT NULL,
    PRIMARY KEY (node, name)
);

-- What holds for all shares of a machine; no row: what the program thinks right.
CREATE TABLE share_settings (
    node       TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    body       TEXT COLLATE "C" NOT NULL CHECK (body::json IS NOT NULL),
    updated_at BIGINT  NOT NULL
);

-- What was meant before a change. The number is that of the first generation of files which the change
-- made, see the files themselves.
CREATE TABLE share_generation (
    node      TEXT COLLATE "C" NOT NULL,
    number    BIGINT  NOT NULL,
    at        BIGINT  NOT NULL,
    made_by   TEXT COLLATE "C" NOT NULL,
    operation TEXT COLLATE "C" NOT NULL,
    -- Settings and shares as JSON.
    before    TEXT COLLATE "C" NOT NULL CHECK (before::json IS NOT NULL),
    PRIMARY KEY (node, number)
);
