-- How much was taken in a pool, once an hour, by the UUID of its filesystem.

CREATE TABLE pool_sample (
    node TEXT COLLATE "C" NOT NULL,
    pool TEXT COLLATE "C" NOT NULL,
    at   BIGINT  NOT NULL,
    used BIGINT  NOT NULL,
    PRIMARY KEY (node, pool, at)
);
