-- no-transaction
-- How often a submission was tried, and an end for one that always fails.
--
-- SQLite can't change a CHECK, so the table is made anew (sqlite.org/lang_altertable.html, section 7). Foreign keys
-- can be switched off only outside a transaction; the transaction is therefore here. Run twice it does the same.
PRAGMA foreign_keys = OFF;
BEGIN IMMEDIATE;
CREATE TABLE submission_new (
    seq             INTEGER NOT NULL PRIMARY KEY,
    id              TEXT NOT NULL UNIQUE,
    mapping         TEXT NOT NULL,
    mapping_version BIGINT NOT NULL,
    mapping_sha256  TEXT NOT NULL,
    standard        TEXT NOT NULL,
    lists_version   TEXT NOT NULL,
    round           TEXT NOT NULL,
    -- Two digits; empty for the ministry's own (the school register).
    agency          TEXT NOT NULL,
    mode            TEXT NOT NULL CONSTRAINT submission_mode CHECK (mode IN ('replace', 'delta')),
    state           TEXT NOT NULL
        CONSTRAINT submission_state CHECK (state IN ('received', 'processing', 'committed', 'refused', 'cancelled', 'failed')),
    -- Empty: the operator at the command line.
    client          TEXT NOT NULL,
    idempotency_key TEXT,
    -- Of the bytes as received. The sender's file name is never kept: it may hold a person's name.
    sha256          TEXT NOT NULL,
    bytes           BIGINT NOT NULL,
    -- Relative to the home folder.
    kept_path       TEXT NOT NULL,
    received_at     TEXT NOT NULL,
    finished_at     TEXT,
    received_rows   BIGINT NOT NULL DEFAULT 0,
    accepted_rows   BIGINT NOT NULL DEFAULT 0,
    refused_rows    BIGINT NOT NULL DEFAULT 0,
    -- The receipt as JSON once committed; the problem as JSON once refused or failed.
    receipt         TEXT,
    problem         TEXT,
    -- Times that work on it began; after a try that failed, when the next may begin.
    tries           BIGINT NOT NULL DEFAULT 0,
    try_after       TEXT,
    CONSTRAINT submission_idempotency UNIQUE (client, idempotency_key)
);

INSERT INTO submission_new
   (seq, id, mapping, mapping_version, mapping_sha256, standard, lists_version, round, agency, mode, state, client,
    idempotency_key, sha256, bytes, kept_path, received_at, finished_at, received_rows, accepted_rows, refused_rows,
    receipt, problem)
SELECT
    seq, id, mapping, mapping_version, mapping_sha256, standard, lists_version, round, agency, mode, state, client,
    idempotency_key, sha256, bytes, kept_path, received_at, finished_at, received_rows, accepted_rows, refused_rows,
    receipt, problem
FROM submission;
DROP TABLE submission;
ALTER TABLE submission_new RENAME TO submission;
CREATE INDEX submission_by_sha256 ON submission (sha256);
CREATE INDEX submission_by_agency ON submission (agency, seq);
CREATE INDEX submission_by_state ON submission (state) WHERE state IN ('received', 'processing');
COMMIT;
PRAGMA foreign_keys = ON;
