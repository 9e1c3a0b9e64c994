-- Clients that sign in by OAuth 2.0: rotation with overlap, public keys, assertions that were used. The same names and meaning as
-- in `migrations/sqlite/0009_access.sql`, where they are explained.
ALTER TABLE client
    ADD COLUMN old_token_hash  TEXT COLLATE "C",
    ADD COLUMN old_token_until TEXT COLLATE "C",
    ADD COLUMN generation      BIGINT NOT NULL DEFAULT 0;
CREATE INDEX client_by_old_token ON client (old_token_hash) WHERE old_token_hash IS NOT NULL;

CREATE TABLE client_key (
    client   TEXT COLLATE "C" NOT NULL CONSTRAINT client_key_client REFERENCES client (id),
    kid      TEXT COLLATE "C" NOT NULL,
    jwk      TEXT NOT NULL,
    added_at TEXT COLLATE "C" NOT NULL,
    CONSTRAINT client_key_kid PRIMARY KEY (client, kid)
);

CREATE TABLE assertion (
    hash  TEXT COLLATE "C" NOT NULL CONSTRAINT assertion_once PRIMARY KEY,
    until TEXT COLLATE "C" NOT NULL
);
CREATE INDEX assertion_by_until ON assertion (until);
