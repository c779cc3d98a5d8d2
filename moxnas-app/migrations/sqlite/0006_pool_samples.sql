-- How much was taken in a pool, once an hour, by the UUID of its filesystem.

CREATE TABLE pool_sample (
    node TEXT    NOT NULL,
    pool TEXT    NOT NULL,
    at   INTEGER NOT NULL,
    used INTEGER NOT NULL,
    PRIMARY KEY (node, pool, at)
) STRICT;
