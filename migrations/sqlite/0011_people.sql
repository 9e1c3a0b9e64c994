-- People: who they are to the gateway, how they sign in, and what takes two of them (docs/access.md).

-- Name and sign-in name are sealed together; the sign-in name is found by its keyed hash.
CREATE TABLE person (
    id           TEXT NOT NULL PRIMARY KEY,
    login        BLOB UNIQUE,
    sealed       BLOB NOT NULL,
    agency       TEXT,
    roles        TEXT NOT NULL,
    -- argon2id, in the PHC form. None: not set yet, or the person comes by single sign-on only.
    password     TEXT,
    -- Sealed secret of the person's authenticator, the one that is being set up, and the last step whose code was used.
    totp         BLOB,
    totp_next    BLOB,
    totp_step    BIGINT NOT NULL DEFAULT 0,
    -- Hash of the one-time code by which password and authenticator are set.
    invite       TEXT UNIQUE,
    invite_until TEXT,
    -- Rises when every session of the person ends at once.
    generation   BIGINT NOT NULL DEFAULT 0,
    made_at      TEXT NOT NULL,
    signed_in_at TEXT,
    disabled_at  TEXT
);

-- Who the person is to a provider of single sign-on: the subject's keyed hash.
CREATE TABLE person_subject (
    issuer  TEXT NOT NULL,
    subject BLOB NOT NULL,
    person  TEXT NOT NULL REFERENCES person (id),
    CONSTRAINT person_subject_once PRIMARY KEY (issuer, subject)
);
CREATE INDEX person_subject_by_person ON person_subject (person);

-- Found by the hash of the secret in the browser's cookie.
CREATE TABLE session (
    hash       TEXT NOT NULL PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    person     TEXT NOT NULL REFERENCES person (id),
    -- start: setting up; code: the password was right, the code is awaited; in: signed in.
    stage      TEXT NOT NULL CHECK (stage IN ('start', 'code', 'in')),
    how        TEXT NOT NULL CHECK (how IN ('password', 'sso')),
    generation BIGINT NOT NULL,
    made_at    TEXT NOT NULL,
    seen_at    TEXT NOT NULL,
    ends_at    TEXT NOT NULL
);
CREATE INDEX session_by_person ON session (person);
CREATE INDEX session_by_end ON session (ends_at);

-- Wrong tries to sign in, counted by a keyed hash of what they came for or from.
CREATE TABLE sign_in_tries (
    mark     BLOB NOT NULL PRIMARY KEY,
    failures BIGINT NOT NULL,
    until    TEXT NOT NULL,
    seen_at  TEXT NOT NULL
);
CREATE INDEX sign_in_tries_by_seen ON sign_in_tries (seen_at);

-- Acts that take two persons: one proposes exactly this, another with the right agrees, and it is done once.
CREATE TABLE approval (
    id          TEXT NOT NULL PRIMARY KEY,
    kind        TEXT NOT NULL,
    subject     TEXT NOT NULL,
    -- Hash of what exactly is to be done.
    what        TEXT NOT NULL,
    reason      TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('proposed', 'approved', 'refused', 'void', 'done')),
    proposed_by TEXT NOT NULL REFERENCES person (id),
    proposed_at TEXT NOT NULL,
    until       TEXT NOT NULL,
    decided_by  TEXT REFERENCES person (id),
    decided_at  TEXT,
    done_at     TEXT
);
CREATE UNIQUE INDEX approval_open ON approval (kind, subject) WHERE state IN ('proposed', 'approved');
-- Who the one that proposed it was to providers of single sign-on at that time: no other account of theirs may agree.
CREATE TABLE approval_subject (
    approval TEXT NOT NULL REFERENCES approval (id),
    issuer   TEXT NOT NULL,
    subject  BLOB NOT NULL,
    CONSTRAINT approval_subject_once PRIMARY KEY (approval, issuer, subject)
);
