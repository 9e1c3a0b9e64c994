-- Uploads that go on after a broken line, whose turn it is to work on a submission, and how far the work is.

-- Times that work on it began, and never fewer: whoever lost the work to another has an older turn and writes nothing more.
ALTER TABLE submission ADD COLUMN turns BIGINT NOT NULL DEFAULT 0;
-- Rows of the file, from its first, of which everything is staged: from here on the work goes on. 0: nothing that is
-- staged counts.
ALTER TABLE submission ADD COLUMN rows_done BIGINT NOT NULL DEFAULT 0;
ALTER TABLE submission ADD COLUMN bytes_read BIGINT NOT NULL DEFAULT 0;
-- Cancelled, and the staged rows still to be thrown away: `finished_at` is set when they are.
CREATE INDEX submission_to_clear ON submission (seq) WHERE state = 'cancelled' AND finished_at IS NULL;

-- A file on its way in by pieces. When it is whole it becomes a submission.
CREATE TABLE upload (
    id              TEXT NOT NULL PRIMARY KEY,
    -- Who began it, and alone knows it.
    client          TEXT NOT NULL,
    mapping         TEXT NOT NULL,
    round           TEXT NOT NULL,
    mode            TEXT NOT NULL CONSTRAINT upload_mode CHECK (mode IN ('replace', 'delta')),
    idempotency_key TEXT,
    -- Of the whole file, and of what is there.
    bytes           BIGINT NOT NULL,
    received        BIGINT NOT NULL DEFAULT 0,
    parts           BIGINT NOT NULL DEFAULT 0,
    begun_at        TEXT NOT NULL,
    -- When the last bytes came.
    touched_at      TEXT NOT NULL,
    -- What it became.
    submission      TEXT
);
CREATE INDEX upload_by_client ON upload (client);
CREATE INDEX upload_by_touched ON upload (touched_at);

-- The pieces, each a sealed file of the upload's folder. A file that no row names does not count.
CREATE TABLE upload_part (
    upload     TEXT NOT NULL REFERENCES upload (id) ON DELETE CASCADE,
    first_byte BIGINT NOT NULL,
    bytes      BIGINT NOT NULL,
    file       TEXT NOT NULL,
    CONSTRAINT upload_part_place PRIMARY KEY (upload, first_byte)
);
