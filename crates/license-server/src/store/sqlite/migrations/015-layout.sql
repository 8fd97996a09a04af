-- Licenses in an ordinary table. A table without row ids keeps its rows in the inner pages of its
-- tree too, so the tree of 100,000 licenses, of which each has 2 KB, was deep and took 470 MB.
-- Dropping a table deletes the rows that refer to it. What licenses replace is copied, and the
-- server indexes the licenses again when it starts.
CREATE TABLE replaced_licenses AS
SELECT tenant, license, successor FROM superseded_licenses;
DROP TABLE superseded_licenses;

CREATE TABLE stored_licenses (
  tenant       TEXT    NOT NULL,
  id           TEXT    NOT NULL,
  number       INTEGER NOT NULL,
  pool         TEXT    NOT NULL,
  key          TEXT,
  short_key    TEXT,
  product      TEXT    NOT NULL,
  customer     TEXT    NOT NULL,
  token        TEXT    NOT NULL,
  installed_at INTEGER NOT NULL,
  indexed      INTEGER NOT NULL DEFAULT 0 CHECK (indexed IN (0, 1)),
  PRIMARY KEY (tenant, id)
) STRICT;
INSERT INTO stored_licenses
  (tenant, id, number, pool, key, short_key, product, customer, token, installed_at)
SELECT tenant, id, number, pool, key, short_key, product, customer, token, installed_at
FROM licenses ORDER BY tenant, number;
DROP TABLE licenses;
ALTER TABLE stored_licenses RENAME TO licenses;
CREATE UNIQUE INDEX licenses_by_number ON licenses (tenant, number);
CREATE INDEX licenses_by_pool ON licenses (tenant, pool, number);
CREATE INDEX licenses_by_key ON licenses (tenant, key);
CREATE INDEX licenses_by_short_key ON licenses (tenant, short_key);
CREATE INDEX licenses_to_index ON licenses (tenant, number) WHERE indexed = 0;

CREATE TABLE superseded_licenses (
  tenant    TEXT NOT NULL,
  license   TEXT NOT NULL,
  successor TEXT NOT NULL,
  PRIMARY KEY (tenant, license, successor),
  FOREIGN KEY (tenant, successor) REFERENCES licenses (tenant, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX superseded_licenses_by_successor ON superseded_licenses (tenant, successor);
INSERT INTO superseded_licenses (tenant, license, successor)
SELECT tenant, license, successor FROM replaced_licenses;
DROP TABLE replaced_licenses;
