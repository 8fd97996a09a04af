-- The trials of `keygen` in the ledger are listed with those of the server. The next start copies the
-- whole ledger again, and ignores what the database has. The owner of the tables sees the rows of all
-- tenants meanwhile.
ALTER TABLE ledger_positions NO FORCE ROW LEVEL SECURITY;
DELETE FROM ledger_positions;
ALTER TABLE ledger_positions FORCE ROW LEVEL SECURITY;
