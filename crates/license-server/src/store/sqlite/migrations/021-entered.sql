-- The time at which the person last chose the organization of a session. The next sign-in continues
-- in the organization that was chosen last.
ALTER TABLE members ADD COLUMN entered_at INTEGER;
