-- Every entry of the journal holds the hash of the one before and its own (docs/journal.md). Entries that are there get theirs
-- when the store is opened next. The triggers keep honest hands off; whoever may drop them is what the hashes are for.
ALTER TABLE journal
    ADD COLUMN prev TEXT COLLATE "C",
    ADD COLUMN hash TEXT COLLATE "C",
    -- Of what is written from here on.
    ADD CONSTRAINT journal_chained CHECK (prev IS NOT NULL AND hash IS NOT NULL) NOT VALID;

CREATE FUNCTION journal_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER journal_update BEFORE UPDATE ON journal FOR EACH ROW
    WHEN (OLD.hash IS NOT NULL OR (NEW.seq, NEW.at, NEW.actor, NEW.act, NEW.object, NEW.detail)
        IS DISTINCT FROM (OLD.seq, OLD.at, OLD.actor, OLD.act, OLD.object, OLD.detail))
    EXECUTE FUNCTION journal_append_only();
CREATE TRIGGER journal_delete BEFORE DELETE ON journal FOR EACH ROW EXECUTE FUNCTION journal_append_only();
CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON journal EXECUTE FUNCTION journal_append_only();

-- That the journal had this entry as its last, signed.
CREATE TABLE journal_checkpoint (
    seq       BIGINT NOT NULL CONSTRAINT journal_checkpoint_seq PRIMARY KEY,
    hash      TEXT COLLATE "C" NOT NULL,
    at        TEXT COLLATE "C" NOT NULL,
    kid       TEXT COLLATE "C" NOT NULL,
    signature TEXT COLLATE "C" NOT NULL
);
CREATE TRIGGER journal_checkpoint_change BEFORE UPDATE OR DELETE ON journal_checkpoint
    FOR EACH ROW EXECUTE FUNCTION journal_append_only();
CREATE TRIGGER journal_checkpoint_truncate BEFORE TRUNCATE ON journal_checkpoint EXECUTE FUNCTION journal_append_only();
