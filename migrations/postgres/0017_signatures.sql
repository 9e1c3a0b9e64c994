-- Files that their senders signed (docs/signatures.md).

-- The detached signature (JWS) as it came, after it was checked against the bytes.
ALTER TABLE submission ADD COLUMN signature TEXT COLLATE "C";
-- As it came with the beginning of the upload; checked when the upload is whole.
ALTER TABLE upload ADD COLUMN signature TEXT COLLATE "C";
-- 1: files of this client without a signature are refused.
ALTER TABLE client ADD COLUMN must_sign BIGINT NOT NULL DEFAULT 0;
