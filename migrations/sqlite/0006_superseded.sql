-- A hidden row is known by its learner too, as on PostgreSQL, where the rows of a learner may lie together on one machine of
-- many (docs/operations.md, "Distributed").
CREATE TABLE superseded_by_learner (
    record        INTEGER NOT NULL PRIMARY KEY,
    by_submission BIGINT NOT NULL REFERENCES submission (seq),
    learner       BLOB NOT NULL
);
INSERT INTO superseded_by_learner (record, by_submission, learner)
    SELECT x.record, x.by_submission, e.learner FROM superseded x JOIN enrolment e ON e.record = x.record;
DROP TABLE superseded;
ALTER TABLE superseded_by_learner RENAME TO superseded;
