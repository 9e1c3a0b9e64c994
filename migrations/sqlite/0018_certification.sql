-- What two persons certified of a round (docs/count.md), one revision after another.

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
