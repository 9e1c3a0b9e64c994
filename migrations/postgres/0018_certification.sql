-- What two persons certified of a round (docs/count.md), one revision after another.

-- What a count stood on: its submissions by agency (submission.seq, as JSON), and the version of the register. None: it was made before.
ALTER TABLE count_run ADD COLUMN inputs TEXT COLLATE "C";
ALTER TABLE count_run ADD COLUMN register BIGINT;

CREATE TABLE certification (
    round         TEXT COLLATE "C" NOT NULL,
    agency        TEXT COLLATE "C" NOT NULL,
    -- From 1.
    revision      BIGINT NOT NULL,
    -- The count that it certifies (count_run.seq), and the hash of that count's result.
    run           BIGINT NOT NULL,
    result        TEXT COLLATE "C" NOT NULL,
    -- The agency's totals in that count, as JSON.
    totals        TEXT NOT NULL,
    proposed_by   TEXT COLLATE "C" NOT NULL,
    approved_by   TEXT COLLATE "C" NOT NULL,
    certified_at  TEXT COLLATE "C" NOT NULL,
    -- None: it stands.
    reopened_at   TEXT COLLATE "C",
    reopened_by   TEXT COLLATE "C",
    reopen_reason TEXT,
    CONSTRAINT certification_reopened CHECK ((reopened_at IS NULL) = (reopened_by IS NULL) AND (reopened_at IS NULL) = (reopen_reason IS NULL)),
    CONSTRAINT certification_revision PRIMARY KEY (round, agency, revision)
);
CREATE UNIQUE INDEX certification_stands ON certification (round, agency) WHERE reopened_at IS NULL;

-- What was certified is not written over; it can only be said that it no longer stands, once.
CREATE FUNCTION certified_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what is certified is not changed' USING ERRCODE = 'restrict_violation';
END
$$;
CREATE TRIGGER certification_update BEFORE UPDATE ON certification FOR EACH ROW
    WHEN (OLD.reopened_at IS NOT NULL
        OR (NEW.round, NEW.agency, NEW.revision, NEW.run, NEW.result, NEW.totals, NEW.proposed_by, NEW.approved_by, NEW.certified_at)
        IS DISTINCT FROM (OLD.round, OLD.agency, OLD.revision, OLD.run, OLD.result, OLD.totals, OLD.proposed_by, OLD.approved_by, OLD.certified_at))
    EXECUTE FUNCTION certified_stays();
CREATE TRIGGER certification_delete BEFORE DELETE ON certification FOR EACH ROW EXECUTE FUNCTION certified_stays();
CREATE TRIGGER certification_truncate BEFORE TRUNCATE ON certification EXECUTE FUNCTION certified_stays();

CREATE FUNCTION certified_run_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM certification WHERE run = OLD.seq) THEN
        RAISE EXCEPTION 'what is certified is not changed' USING ERRCODE = 'restrict_violation';
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER count_run_change BEFORE UPDATE OR DELETE ON count_run FOR EACH ROW EXECUTE FUNCTION certified_run_stays();
CREATE TRIGGER count_run_truncate BEFORE TRUNCATE ON count_run EXECUTE FUNCTION certified_stays();
