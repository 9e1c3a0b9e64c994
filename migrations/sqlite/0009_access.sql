-- Clients that sign in by OAuth 2.0: rotation with overlap, public keys, assertions that were used.

-- After a rotation with overlap: the secret before, and until when it still holds.
ALTER TABLE client ADD COLUMN old_token_hash TEXT;
ALTER TABLE client ADD COLUMN old_token_until TEXT;
-- Rises when everything issued to the client so far ends at once: access tokens name the generation they are of.
ALTER TABLE client ADD COLUMN generation BIGINT NOT NULL DEFAULT 0;
CREATE INDEX client_by_old_token ON client (old_token_hash) WHERE old_token_hash IS NOT NULL;

-- Public keys by which a client signs its assertions (RFC 7523), as JWK with its thumbprint.
CREATE TABLE client_key (
    client   TEXT NOT NULL REFERENCES client (id),
    kid      TEXT NOT NULL,
    jwk      TEXT NOT NULL,
    added_at TEXT NOT NULL,
    CONSTRAINT client_key_kid PRIMARY KEY (client, kid)
);

-- An assertion serves once: its hash until it would have expired anyway.
CREATE TABLE assertion (
    hash  TEXT NOT NULL PRIMARY KEY,
    until TEXT NOT NULL
);
CREATE INDEX assertion_by_until ON assertion (until);
