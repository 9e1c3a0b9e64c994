-- The keyring as all gateways of this store have it (docs/operations.md, "Keys"): one row, with a text that a master
-- key opens.
CREATE TABLE keyring (
    one      BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    -- Rises with every change.
    revision BIGINT NOT NULL,
    body     TEXT NOT NULL
);

-- How far what is sealed under older data keys is sealed anew under the one that is current.
CREATE TABLE reseal (
    -- Id of the current data key.
    data_key BIGINT NOT NULL PRIMARY KEY,
    -- Sealed records up to this one were looked at.
    reached  BIGINT NOT NULL,
    resealed BIGINT NOT NULL,
    began_at TEXT NOT NULL,
    -- When nothing was left under an older key. None: it goes on.
    ended_at TEXT
);
