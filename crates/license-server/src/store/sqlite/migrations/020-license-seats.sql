-- The number of floating seats of a license, and the end of its seats with the days of grace. 4294967295
-- stands for an unlimited number. The next start reads the terms of all licenses again.
DELETE FROM license_words;
DELETE FROM license_terms;
UPDATE licenses SET indexed = 0;
ALTER TABLE license_terms ADD COLUMN seats INTEGER CHECK (seats >= 0);
ALTER TABLE license_terms ADD COLUMN seats_until INTEGER NOT NULL DEFAULT 9223372036854775807;
CREATE INDEX license_terms_by_seats ON license_terms
  (tenant, seats_until, starts_at, replaced_at, is_revoked, seats) WHERE seats IS NOT NULL;
