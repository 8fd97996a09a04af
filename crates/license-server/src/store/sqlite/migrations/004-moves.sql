-- One row, if the database was moved to another one, or if such a move began. `moved_at` is set when
-- the other database has the rows, and no server may then use this database.
CREATE TABLE moves (
  only     INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
  id       TEXT    NOT NULL,
  target   TEXT    NOT NULL,
  moved_at INTEGER
) STRICT;
