-- The first tables. Portable on purpose: the same columns and meaning can be made in PostgreSQL.
--
-- Times are RFC 3339 text in UTC; rounds are count days as ISO text; days inside enrolments are yyyymmdd integers.
-- A record key is `submission * 2^32 + row`: rows of one submission lie together, appended in order.

-- What this store belongs to (the fingerprint of the vault's keyring).
CREATE TABLE meta (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE submission (
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
        CONSTRAINT submission_state CHECK (state IN ('received', 'processing', 'committed', 'refused', 'cancelled')),
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
    -- The receipt as JSON once committed; the problem as JSON once refused.
    receipt         TEXT,
    problem         TEXT,
    CONSTRAINT submission_idempotency UNIQUE (client, idempotency_key)
);
CREATE INDEX submission_by_sha256 ON submission (sha256);
CREATE INDEX submission_by_agency ON submission (agency, seq);
CREATE INDEX submission_by_state ON submission (state) WHERE state IN ('received', 'processing');

-- One school's rows in one submission. Rows are visible only while their holding is in force, so rows staged by an
-- unfinished submission are seen by nobody, and putting a million rows in force is one small update.
CREATE TABLE holding (
    id              INTEGER NOT NULL PRIMARY KEY,
    submission      BIGINT NOT NULL REFERENCES submission (seq),
    round           TEXT NOT NULL,
    agency          TEXT NOT NULL,
    school_id       TEXT NOT NULL,
    in_force        INTEGER NOT NULL DEFAULT 0,
    -- How many of its rows a later delta hides; nearly always 0, which spares the look into `superseded`.
    superseded_rows BIGINT NOT NULL DEFAULT 0,
    CONSTRAINT holding_school UNIQUE (submission, agency, school_id)
);
CREATE INDEX holding_by_school ON holding (round, agency, school_id, in_force);

-- What the count may see of an enrolment. No foreign key to `holding`: it would be checked a million times a file,
-- and the store itself makes both in one transaction.
CREATE TABLE enrolment (
    record     INTEGER NOT NULL PRIMARY KEY,
    holding    BIGINT NOT NULL,
    id_kind    INTEGER NOT NULL,
    learner    BLOB NOT NULL,
    name       BLOB NOT NULL,
    birth      BLOB NOT NULL,
    person     BLOB NOT NULL,
    content    BLOB NOT NULL,
    grade      TEXT NOT NULL,
    sex        TEXT NOT NULL,
    status     TEXT,
    dual       INTEGER NOT NULL,
    age        INTEGER NOT NULL,
    entry_date INTEGER,
    exit_date  INTEGER
);
-- Finds a school's rows, and a learner among them, without reading the table.
CREATE INDEX enrolment_by_holding ON enrolment (holding, learner);

-- Identities, sealed. Apart from `enrolment`, so that a count doesn't read past them.
CREATE TABLE vault_record (
    record INTEGER NOT NULL PRIMARY KEY,
    sealed BLOB NOT NULL
);

-- Rows of holdings in force that a later delta has hidden.
CREATE TABLE superseded (
    record        INTEGER NOT NULL PRIMARY KEY,
    by_submission BIGINT NOT NULL REFERENCES submission (seq)
);

-- Refused rows: their findings only (masked JSON); the row itself is read again from the kept file.
CREATE TABLE refused_row (
    record   INTEGER NOT NULL PRIMARY KEY,
    findings TEXT NOT NULL
);

CREATE TABLE school (
    school_id   TEXT NOT NULL PRIMARY KEY,
    smis        TEXT,
    agency      TEXT NOT NULL,
    name_th     TEXT NOT NULL,
    name_en     TEXT,
    subdistrict TEXT,
    latitude    DOUBLE PRECISION,
    longitude   DOUBLE PRECISION,
    status      TEXT NOT NULL,
    opened_on   INTEGER,
    closed_on   INTEGER
);

-- Every register that was in force, by what it held.
CREATE TABLE register_version (
    version    INTEGER NOT NULL PRIMARY KEY,
    submission BIGINT REFERENCES submission (seq),
    schools    BIGINT NOT NULL,
    at         TEXT NOT NULL
);

CREATE TABLE client (
    id           TEXT NOT NULL PRIMARY KEY,
    name         TEXT NOT NULL,
    agency       TEXT,
    -- Separated by spaces.
    scopes       TEXT NOT NULL,
    token_hash   TEXT NOT NULL CONSTRAINT client_token UNIQUE,
    created_at   TEXT NOT NULL,
    revoked_at   TEXT,
    last_used_at TEXT
);

CREATE TABLE journal (
    seq    INTEGER NOT NULL PRIMARY KEY,
    at     TEXT NOT NULL,
    actor  TEXT NOT NULL,
    act    TEXT NOT NULL,
    object TEXT NOT NULL,
    detail TEXT NOT NULL
);

CREATE TABLE count_run (
    seq       INTEGER NOT NULL PRIMARY KEY,
    round     TEXT NOT NULL,
    at        TEXT NOT NULL,
    result    TEXT NOT NULL,
    manifest  TEXT NOT NULL,
    signature TEXT NOT NULL
);
CREATE INDEX count_run_by_round ON count_run (round, seq);

CREATE TABLE opendata_release (
    dataset      TEXT NOT NULL,
    version      BIGINT NOT NULL,
    sha256       TEXT NOT NULL,
    published_at TEXT NOT NULL,
    -- Relative to the home folder.
    path         TEXT NOT NULL,
    CONSTRAINT opendata_release_version PRIMARY KEY (dataset, version)
);
