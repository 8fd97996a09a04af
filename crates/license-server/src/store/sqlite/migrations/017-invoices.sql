-- Invoices and credit notes. `content` and `seller` are JSON. The customer, the currency and the
-- total repeat a part of the content, for people who look into the database.
CREATE TABLE invoices (
  tenant         TEXT    NOT NULL,
  id             TEXT    NOT NULL,
  kind           TEXT    NOT NULL CHECK (kind IN ('invoice', 'credit_note')),
  state          TEXT    NOT NULL
    CHECK (state IN ('draft', 'issued', 'overdue', 'paid', 'void', 'credited')),
  entity         TEXT    NOT NULL,
  year           INTEGER,
  number         INTEGER,
  content        TEXT    NOT NULL,
  seller         TEXT,
  license_order  TEXT,
  is_activated   INTEGER NOT NULL CHECK (is_activated IN (0, 1)),
  license        TEXT,
  created_at     INTEGER NOT NULL,
  created_by     TEXT    NOT NULL,
  issued_on      TEXT,
  due_on         TEXT,
  paid_on        TEXT,
  payment        TEXT,
  reminded       INTEGER,
  credits        TEXT,
  credited_by    TEXT,
  next_at        INTEGER,
  customer       TEXT    NOT NULL,
  currency       TEXT    NOT NULL,
  total          INTEGER NOT NULL,
  PRIMARY KEY (tenant, id),
  CHECK ((state = 'draft') = (number IS NULL)),
  CHECK ((number IS NULL) = (year IS NULL)),
  CHECK ((kind = 'credit_note') = (credits IS NOT NULL)),
  CHECK ((state = 'credited') = (credited_by IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX invoices_by_number ON invoices (tenant, entity, year, number);
CREATE INDEX invoices_by_time ON invoices (tenant, next_at);

-- The last number of each legal entity and year.
CREATE TABLE invoice_numbers (
  tenant TEXT    NOT NULL,
  entity TEXT    NOT NULL,
  year   INTEGER NOT NULL,
  last   INTEGER NOT NULL CHECK (last > 0),
  PRIMARY KEY (tenant, entity, year)
) STRICT, WITHOUT ROWID;

-- What a customer got never changes, and lasts as long as the tenant.
CREATE TRIGGER invoices_stay BEFORE UPDATE ON invoices
WHEN OLD.number IS NOT NULL AND (NEW.number IS NOT OLD.number OR NEW.year IS NOT OLD.year
  OR NEW.entity <> OLD.entity OR NEW.kind <> OLD.kind OR NEW.content <> OLD.content
  OR NEW.seller IS NOT OLD.seller OR NEW.issued_on IS NOT OLD.issued_on)
BEGIN SELECT RAISE(ABORT, 'an issued invoice never changes'); END;
CREATE TRIGGER invoices_last BEFORE DELETE ON invoices
WHEN OLD.number IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM deleted_tenants WHERE id = OLD.tenant)
BEGIN SELECT RAISE(ABORT, 'an issued invoice stays'); END;
