-- What two persons certified of a round (docs/count.md), one revision after another.

-- What a count stood on: its submissions by agency (submission.seq, as JSON), and the version of the register. None: it was made before.
ALTER TABLE count_run ADD COLUMN inputs TEXT;
ALTER TABLE count_run ADD COLUMN register BIGINT;

CREATE TABLE certification (
    round         TEXT NOT NULL,
    agency        TEXT NOT NULL,
    -- From 1.
    revision      BIGINT NOT NULL,
    -- The count that it certifies (count_run.seq), and the hash of that count's result.
    run           BIGINT NOT NULL,
    result        TEXT NOT NULL,
    -- The agency's totals in that count, as JSON.
    totals        TEXT NOT NULL,
    proposed_by   TEXT NOT NULL,
    approved_by   TEXT NOT NULL,
    certified_at  TEXT NOT NULL,
    -- None: it stands.
    reopened_at   TEXT,
    reopened_by   TEXT,
    reopen_reason TEXT,
    CONSTRAINT certification_reopened CHECK ((reopened_at IS NULL) = (reopened_by IS NULL) AND (reopened_at IS NULL) = (reopen_reason IS NULL)),
    CONSTRAINT certification_revision PRIMARY KEY (round, agency, revision)
);
CREATE UNIQUE INDEX certification_stands ON certification (round, agency) WHERE reopened_at IS NULL;

-- What was certified is not written over; it can only be said that it no longer stands, once.
CREATE TRIGGER certification_update BEFORE UPDATE ON certification
    WHEN OLD.reopened_at IS NOT NULL
        OR (NEW.round, NEW.agency, NEW.revision, NEW.run, NEW.result, NEW.totals, NEW.proposed_by, NEW.approved_by, NEW.certified_at)
        IS NOT (OLD.round, OLD.agency, OLD.revision, OLD.run, OLD.result, OLD.totals, OLD.proposed_by, OLD.approved_by, OLD.certified_at)
BEGIN
    SELECT RAISE(ABORT, 'what is certified is not changed');
END;
CREATE TRIGGER certification_delete BEFORE DELETE ON certification
BEGIN
    SELECT RAISE(ABORT, 'what is certified is not changed');
END;
-- `INSERT OR REPLACE` deletes without asking the triggers above.
CREATE TRIGGER certification_insert BEFORE INSERT ON certification
    WHEN EXISTS (SELECT 1 FROM certification c WHERE c.round = NEW.round AND c.agency = NEW.agency
        AND (c.revision >= NEW.revision OR c.reopened_at IS NULL))
BEGIN
    SELECT RAISE(ABORT, 'what is certified is not changed');
END;
CREATE TRIGGER count_run_insert BEFORE INSERT ON count_run
    WHEN EXISTS (SELECT 1 FROM certification WHERE run = NEW.seq)
BEGIN
    SELECT RAISE(ABORT, 'what is certified is not changed');
END;
CREATE TRIGGER count_run_update BEFORE UPDATE ON count_run
    WHEN EXISTS (SELECT 1 FROM certification WHERE run = OLD.seq)
BEGIN
    SELECT RAISE(ABORT, 'what is certified is not changed');
END;
CREATE TRIGGER count_run_delete BEFORE DELETE ON count_run
    WHEN EXISTS (SELECT 1 FROM certification WHERE run = OLD.seq)
BEGIN
    SELECT RAISE(ABORT, 'what is certified is not changed');
END;
