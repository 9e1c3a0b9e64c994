-- The keyring of all gateways, and how far values are sealed anew: the same names and meaning as in
-- `migrations/sqlite/0014_keyring.sql`, where they are explained.
CREATE TABLE keyring (
    one      BIGINT NOT NULL CONSTRAINT keyring_one PRIMARY KEY CHECK (one = 1),
    revision BIGINT NOT NULL,
    body     TEXT NOT NULL
);

CREATE TABLE reseal (
    data_key BIGINT NOT NULL CONSTRAINT reseal_data_key PRIMARY KEY,
    reached  BIGINT NOT NULL,
    resealed BIGINT NOT NULL,
    began_at TEXT COLLATE "C" NOT NULL,
    ended_at TEXT COLLATE "C"
);
