-- Rolls: what a count and a commit ask of a school's visible rows, packed and read at once (`src/store/roll/`).
--
-- A holding has one roll or, where its file was not sorted by school, several parts of it. A row that a later delta hides is
-- taken out of its roll; `superseded` says why. The rolls of older stores are written when the store is opened next.
CREATE TABLE roll (
    id      INTEGER NOT NULL PRIMARY KEY,
    holding BIGINT NOT NULL,
    entries BIGINT NOT NULL,
    data    BLOB NOT NULL
);
CREATE INDEX roll_by_holding ON roll (holding);

-- Nothing looks for rows by holding any more; kept up row by row it cost a fifth of the time of every large file.
DROP INDEX enrolment_by_holding;
