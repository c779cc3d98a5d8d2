-- Schedules that somebody has made. When one runs next is in `schedule`, as for those of the program.

CREATE TABLE made_schedule (
    node       TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    -- When it runs, unless something else was set since.
    expression TEXT    NOT NULL,
    -- The kind of its jobs, and what they take.
    kind       TEXT    NOT NULL,
    args       TEXT    NOT NULL CHECK (json_valid(args)),
    made_at    INTEGER NOT NULL,
    made_by    TEXT    NOT NULL,
    PRIMARY KEY (node, name)
) STRICT;
