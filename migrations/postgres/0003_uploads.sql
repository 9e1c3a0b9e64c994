-- Uploads that go on after a broken line, whose turn it is to work on a submission, and how far the work is: the same names
-- and meaning as in `migrations/sqlite/0003_uploads.sql`, where they are explained.
ALTER TABLE submission
    ADD COLUMN turns      BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN rows_done  BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN bytes_read BIGINT NOT NULL DEFAULT 0;
CREATE INDEX submission_to_clear ON submission (seq) WHERE state = 'cancelled' AND finished_at IS NULL;

CREATE TABLE upload (
    id              TEXT COLLATE "C" NOT NULL CONSTRAINT upload_id PRIMARY KEY,
    client          TEXT COLLATE "C" NOT NULL,
    mapping         TEXT COLLATE "C" NOT NULL,
    round           TEXT COLLATE "C" NOT NULL,
    mode            TEXT COLLATE "C" NOT NULL CONSTRAINT upload_mode CHECK (mode IN ('replace', 'delta')),
    idempotency_key TEXT COLLATE "C",
    bytes           BIGINT NOT NULL,
    received        BIGINT NOT NULL DEFAULT 0,
    parts           BIGINT NOT NULL DEFAULT 0,
    begun_at        TEXT COLLATE "C" NOT NULL,
    touched_at      TEXT COLLATE "C" NOT NULL,
    submission      TEXT COLLATE "C"
);
CREATE INDEX upload_by_client ON upload (client);
CREATE INDEX upload_by_touched ON upload (touched_at);

CREATE TABLE upload_part (
    upload     TEXT COLLATE "C" NOT NULL REFERENCES upload (id) ON DELETE CASCADE,
    first_byte BIGINT NOT NULL,
    bytes      BIGINT NOT NULL,
    file       TEXT COLLATE "C" NOT NULL,
    CONSTRAINT upload_part_place PRIMARY KEY (upload, first_byte)
);
