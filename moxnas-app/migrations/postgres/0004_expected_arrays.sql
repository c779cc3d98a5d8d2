-- What arrays should be there, as somebody has agreed to. It says nothing of what is there.

-- When everything that was there was first agreed to, a row for each machine: what comes later, and
-- was not made by MoxNAS, is for somebody to agree to.
CREATE TABLE expected_since (
    node TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    at   BIGINT  NOT NULL
);

CREATE TABLE expected_array (
    node             TEXT COLLATE "C" NOT NULL,
    -- Four groups of eight hexadecimal digits.
    uuid             TEXT COLLATE "C" NOT NULL,
    name             TEXT COLLATE "C" NOT NULL,
    level            TEXT COLLATE "C" NOT NULL,
    -- 0: not known, the array was not started.
    slots            BIGINT  NOT NULL,
    -- JSON lists of stable ids of devices.
    members          TEXT COLLATE "C" NOT NULL CHECK (members::json IS NOT NULL),
    spares           TEXT COLLATE "C" NOT NULL CHECK (spares::json IS NOT NULL),
    journal          TEXT COLLATE "C",
    -- JSON list of paths.
    mounts           TEXT COLLATE "C" NOT NULL CHECK (mounts::json IS NOT NULL),
    -- When somebody agreed to it last, and who.
    since            BIGINT  NOT NULL,
    accepted_by      TEXT COLLATE "C" NOT NULL,
    -- The start of the machine after which it was first seen, and whether it was not whole then.
    boot             TEXT COLLATE "C",
    degraded_at_boot BOOLEAN NOT NULL DEFAULT FALSE,
    PRIMARY KEY (node, uuid)
);
