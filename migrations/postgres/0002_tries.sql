-- How often a submission was tried, and an end for one that always fails.
ALTER TABLE submission
    -- Times that work on it began; after a try that failed, when the next may begin.
    ADD COLUMN tries     BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN try_after TEXT COLLATE "C",
    DROP CONSTRAINT submission_state,
    ADD CONSTRAINT submission_state
        CHECK (state IN ('received', 'processing', 'committed', 'refused', 'cancelled', 'failed'));
