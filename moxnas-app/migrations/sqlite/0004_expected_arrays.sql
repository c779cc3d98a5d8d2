-- What arrays should be there, as somebody has agreed to. It says nothing of what is there.

-- When everything that was there was first agreed to, a row for each machine: what comes later, and
-- was not made by MoxNAS, is for somebody to agree to.
CREATE TABLE expected_since (
    node TEXT    PRIMARY KEY NOT NULL,
    at   INTEGER NOT NULL
) STRICT;

CREATE TABLE expected_array (
    node             TEXT    NOT NULL,
    -- Four groups of eight hexadecimal digits.
    uuid             TEXT    NOT NULL,
    name             TEXT    NOT NULL,
    level            TEXT    NOT NULL,
    -- 0: not known, the array was not started.
    slots            INTEGER NOT NULL,
    -- JSON lists of stable ids of devices.
    members          TEXT    NOT NULL CHECK (json_valid(members)),
    spares           TEXT    NOT NULL CHECK (json_valid(spares)),
    journal          TEXT,
    -- JSON list of paths.
    mounts           TEXT    NOT NULL CHECK (json_valid(mounts)),
    -- When somebody agreed to it last, and who.
    since            INTEGER NOT NULL,
    accepted_by      TEXT    NOT NULL,
    -- The start of the machine after which it was first seen, and whether it was not whole then.
    boot             TEXT,
    degraded_at_boot INTEGER NOT NULL DEFAULT 0 CHECK (degraded_at_boot IN (0, 1)),
    PRIMARY KEY (node, uuid)
) STRICT;
