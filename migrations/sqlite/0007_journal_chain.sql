-- Every entry of the journal holds the hash of the one before and its own (docs/journal.md). Entries that are there get theirs
-- when the store is opened next. The triggers keep honest hands off; whoever may drop them is what the hashes are for.
ALTER TABLE journal ADD COLUMN prev TEXT;
ALTER TABLE journal ADD COLUMN hash TEXT;

-- Also keeps `INSERT OR REPLACE` from being a change.
CREATE TRIGGER journal_insert BEFORE INSERT ON journal
    WHEN NEW.prev IS NULL OR NEW.hash IS NULL OR NEW.seq <= (SELECT coalesce(max(seq), 0) FROM journal)
BEGIN
    SELECT RAISE(ABORT, 'the journal is append-only');
END;
CREATE TRIGGER journal_update BEFORE UPDATE ON journal
    WHEN OLD.hash IS NOT NULL OR (NEW.seq, NEW.at, NEW.actor, NEW.act, NEW.object, NEW.detail)
        IS NOT (OLD.seq, OLD.at, OLD.actor, OLD.act, OLD.object, OLD.detail)
BEGIN
    SELECT RAISE(ABORT, 'the journal is append-only');
END;
CREATE TRIGGER journal_delete BEFORE DELETE ON journal
BEGIN
    SELECT RAISE(ABORT, 'the journal is append-only');
END;

-- That the journal had this entry as its last, signed.
CREATE TABLE journal_checkpoint (
    seq       INTEGER NOT NULL PRIMARY KEY,
    hash      TEXT NOT NULL,
    at        TEXT NOT NULL,
    kid       TEXT NOT NULL,
    signature TEXT NOT NULL
);
CREATE TRIGGER journal_checkpoint_insert BEFORE INSERT ON journal_checkpoint
    WHEN NEW.seq <= (SELECT coalesce(max(seq), 0) FROM journal_checkpoint)
BEGIN
    SELECT RAISE(ABORT, 'checkpoints are append-only');
END;
CREATE TRIGGER journal_checkpoint_update BEFORE UPDATE ON journal_checkpoint
BEGIN
    SELECT RAISE(ABORT, 'checkpoints are append-only');
END;
CREATE TRIGGER journal_checkpoint_delete BEFORE DELETE ON journal_checkpoint
BEGIN
    SELECT RAISE(ABORT, 'checkpoints are append-only');
END;
