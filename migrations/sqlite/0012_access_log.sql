-- Who looked at whose record, and what for (docs/privacy.md).

-- The act of looking.
CREATE TABLE look (
    seq     INTEGER NOT NULL PRIMARY KEY,
    id      TEXT NOT NULL UNIQUE,
    at      TEXT NOT NULL,
    actor   TEXT NOT NULL,
    purpose TEXT NOT NULL,
    -- Names of the fields that were released, with spaces between.
    fields  TEXT NOT NULL,
    -- What was read: an id of ours, or an agency and a round.
    source  TEXT NOT NULL,
    request TEXT
);

-- Each person that a look opened, by the keyed hash.
CREATE TABLE access_log (
    learner BLOB NOT NULL,
    look    BIGINT NOT NULL,
    PRIMARY KEY (learner, look)
) WITHOUT ROWID;
