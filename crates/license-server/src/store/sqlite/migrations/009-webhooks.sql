-- Entries of the audit trail of format 2: the address of the caller, and the state before the change
-- as JSON. Earlier entries have format 1.
ALTER TABLE audit ADD COLUMN format INTEGER NOT NULL DEFAULT 1;
ALTER TABLE audit ADD COLUMN address TEXT;
ALTER TABLE audit ADD COLUMN former TEXT;
