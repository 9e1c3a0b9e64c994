-- People: who they are to the gateway, how they sign in, and what takes two of them (docs/access.md).

-- Name and sign-in name are sealed together; the sign-in name is found by its keyed hash.
CREATE TABLE person (
    id           TEXT COLLATE "C" NOT NULL CONSTRAINT person_id PRIMARY KEY,
    login        BYTEA CONSTRAINT person_login UNIQUE,
    sealed       BYTEA NOT NULL,
    agency       TEXT COLLATE "C",
    roles        TEXT COLLATE "C" NOT NULL,
    -- argon2id, in the PHC form. None: not set yet, or the person comes by single sign-on only.
    password     TEXT COLLATE "C",
    -- Sealed secret of the person's authenticator, the one that is being set up, and the last step whose code was used.
    totp         BYTEA,
    totp_next    BYTEA,
    totp_step    BIGINT NOT NULL DEFAULT 0,
    -- Hash of the one-time code by which password and authenticator are set.
    invite       TEXT COLLATE "C" CONSTRAINT person_invite UNIQUE,
    invite_until TEXT COLLATE "C",
    -- Rises when every session of the person ends at once.
    generation   BIGINT NOT NULL DEFAULT 0,
    made_at      TEXT COLLATE "C" NOT NULL,
    signed_in_at TEXT COLLATE "C",
    disabled_at  TEXT COLLATE "C"
);

-- Who the person is to a provider of single sign-on: the subject's keyed hash.
CREATE TABLE person_subject (
    issuer  TEXT COLLATE "C" NOT NULL,
    subject BYTEA NOT NULL,
    person  TEXT COLLATE "C" NOT NULL CONSTRAINT subject_person REFERENCES person (id),
    CONSTRAINT person_subject_once PRIMARY KEY (issuer, subject)
);
CREATE INDEX person_subject_by_person ON person_subject (person);

-- Found by the hash of the secret in the browser's cookie.
CREATE TABLE session (
    hash       TEXT COLLATE "C" NOT NULL CONSTRAINT session_hash PRIMARY KEY,
    id         TEXT COLLATE "C" NOT NULL CONSTRAINT session_id UNIQUE,
    person     TEXT COLLATE "C" NOT NULL CONSTRAINT session_person REFERENCES person (id),
    -- start: setting up; code: the password was right, the code is awaited; in: signed in.
    stage      TEXT COLLATE "C" NOT NULL CHECK (stage IN ('start', 'code', 'in')),
    how        TEXT COLLATE "C" NOT NULL CHECK (how IN ('password', 'sso')),
    generation BIGINT NOT NULL,
    made_at    TEXT COLLATE "C" NOT NULL,
    seen_at    TEXT COLLATE "C" NOT NULL,
    ends_at    TEXT COLLATE "C" NOT NULL
);
CREATE INDEX session_by_person ON session (person);
CREATE INDEX session_by_end ON session (ends_at);

-- Wrong tries to sign in, counted by a keyed hash of what they came for or from.
CREATE TABLE sign_in_tries (
    mark     BYTEA NOT NULL CONSTRAINT tries_mark PRIMARY KEY,
    failures BIGINT NOT NULL,
    until    TEXT COLLATE "C" NOT NULL,
    seen_at  TEXT COLLATE "C" NOT NULL
);
CREATE INDEX sign_in_tries_by_seen ON sign_in_tries (seen_at);

-- Acts that take two persons: one proposes exactly this, another with the right agrees, and it is done once.
CREATE TABLE approval (
    id          TEXT COLLATE "C" NOT NULL CONSTRAINT approval_id PRIMARY KEY,
    kind        TEXT COLLATE "C" NOT NULL,
    subject     TEXT COLLATE "C" NOT NULL,
    -- Hash of what exactly is to be done.
    what        TEXT COLLATE "C" NOT NULL,
    reason      TEXT NOT NULL,
    state       TEXT COLLATE "C" NOT NULL CHECK (state IN ('proposed', 'approved', 'refused', 'void', 'done')),
    proposed_by TEXT COLLATE "C" NOT NULL CONSTRAINT approval_proposed_by REFERENCES person (id),
    proposed_at TEXT COLLATE "C" NOT NULL,
    until       TEXT COLLATE "C" NOT NULL,
    decided_by  TEXT COLLATE "C" CONSTRAINT approval_decided_by REFERENCES person (id),
    decided_at  TEXT COLLATE "C",
    done_at     TEXT COLLATE "C"
);
CREATE UNIQUE INDEX approval_open ON approval (kind, subject) WHERE state IN ('proposed', 'approved');
-- Who the one that proposed it was to providers of single sign-on at that time: no other account of theirs may agree.
CREATE TABLE approval_subject (
    approval TEXT COLLATE "C" NOT NULL CONSTRAINT approval_subject_approval REFERENCES approval (id),
    issuer   TEXT COLLATE "C" NOT NULL,
    subject  BYTEA NOT NULL,
    CONSTRAINT approval_subject_once PRIMARY KEY (approval, issuer, subject)
);
