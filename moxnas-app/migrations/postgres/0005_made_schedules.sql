-- Schedules that somebody has made. When one runs next is in `schedule`, as for those of the program.

CREATE TABLE made_schedule (
    node       TEXT COLLATE "C" NOT NULL,
    name       TEXT COLLATE "C" NOT NULL,
    -- When it runs, unless something else was set since.
    expression TEXT COLLATE "C" NOT NULL,
    -- The kind of its jobs, and what they take.
    kind       TEXT COLLATE "C" NOT NULL,
    args       TEXT COLLATE "C" NOT NULL CHECK (args::json IS NOT NULL),
    made_at    BIGINT  NOT NULL,
    made_by    TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (node, name)
);
