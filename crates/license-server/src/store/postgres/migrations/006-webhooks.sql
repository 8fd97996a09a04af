-- Entries of the audit trail of format 2: the address of the caller, and the state before the change
-- as JSON. Earlier entries have format 1.
ALTER TABLE audit
  ADD format  bigint NOT NULL DEFAULT 1,
  ADD address text COLLATE "C",
  ADD former  text COLLATE "C";
