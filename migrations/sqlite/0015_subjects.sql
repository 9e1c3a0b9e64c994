-- What persons ask of us about their own data, and what is erased by rule (docs/privacy.md).

CREATE TABLE subject_request (
    seq         INTEGER NOT NULL PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,
    kind        TEXT NOT NULL CHECK (kind IN ('access', 'correction', 'erasure', 'objection')),
    state       TEXT NOT NULL CHECK (state IN ('open', 'fulfilled', 'refused', 'withdrawn')),
    -- Rises with every change: what a conditional request names.
    version     BIGINT NOT NULL DEFAULT 1,
    -- The person's keyed hash, and sealed: number, reference, what the person says, what the agency answered. Gone when the
    -- retention of the request's own identity ends.
    learner     BLOB,
    sealed      BLOB,
    received_on TEXT NOT NULL,
    due_on      TEXT NOT NULL,
    recorded_at TEXT NOT NULL,
    recorded_by TEXT NOT NULL,
    decided_at  TEXT,
    decided_by  TEXT,
    ground      TEXT,
    -- What a decision did, in numbers and ids of ours (JSON).
    outcome     TEXT,
    -- Of a correction: whose statement it is, which fields, and how they stood: the keyed hash of their values, and the
    -- newest submission that said so.
    agency      TEXT,
    fields      TEXT NOT NULL DEFAULT '',
    stood       BLOB,
    stood_in    BIGINT NOT NULL DEFAULT 0,
    answered_at TEXT,
    answered_by TEXT
);
CREATE INDEX subject_request_by_due ON subject_request (state, due_on);
CREATE INDEX subject_request_by_agency ON subject_request (agency, state);

-- Submissions with rows about a person who asked: nothing of them is erased by the clock while the request is open.
CREATE TABLE subject_hold (
    request    TEXT NOT NULL REFERENCES subject_request (id),
    submission BIGINT NOT NULL REFERENCES submission (seq),
    PRIMARY KEY (request, submission)
) WITHOUT ROWID;
CREATE INDEX subject_hold_by_submission ON subject_hold (submission);

-- What was erased of a submission: by the clock (no request), or of one person who asked.
CREATE TABLE erasure (
    submission BIGINT NOT NULL REFERENCES submission (seq),
    class      TEXT NOT NULL,
    request    TEXT NOT NULL,
    row_count  BIGINT NOT NULL,
    at         TEXT NOT NULL,
    PRIMARY KEY (submission, class, request)
) WITHOUT ROWID;

-- Signed reports of what the clock erased.
CREATE TABLE retention_report (
    seq INTEGER NOT NULL PRIMARY KEY,
    id  TEXT NOT NULL UNIQUE,
    at  TEXT NOT NULL,
    jws TEXT NOT NULL
);
