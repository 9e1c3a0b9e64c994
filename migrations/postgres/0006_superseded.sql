-- A hidden row is known by its learner too, so that it can lie beside the row it hides where rows are spread over machines.
ALTER TABLE superseded ADD COLUMN learner BYTEA;
UPDATE superseded SET learner = e.learner FROM enrolment e WHERE e.record = superseded.record;
ALTER TABLE superseded
    ALTER COLUMN learner SET NOT NULL,
    DROP CONSTRAINT superseded_record,
    ADD CONSTRAINT superseded_record PRIMARY KEY (record, learner);
