-- The last entry of the vendor's ledger whose content is in this database.
CREATE TABLE ledger_positions (
  tenant TEXT    NOT NULL PRIMARY KEY,
  seq    INTEGER NOT NULL CHECK (seq > 0),
  hash   BLOB    NOT NULL
) STRICT, WITHOUT ROWID;
