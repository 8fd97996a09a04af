-- The ids of tenants that were deleted. A request that was running during the deletion can bring no
-- row of `tenants` back, and each change that is recorded needs this row.
CREATE TABLE deleted_tenants (
  id         TEXT    NOT NULL PRIMARY KEY,
  deleted_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER tenants_stay_deleted AFTER INSERT ON tenants
WHEN EXISTS (SELECT 1 FROM deleted_tenants WHERE id = NEW.tenant)
BEGIN SELECT RAISE(ABORT, 'the organization was deleted'); END;

-- The audit trail of a tenant lasts as long as the tenant.
DROP TRIGGER audit_lasts;
CREATE TRIGGER audit_lasts BEFORE DELETE ON audit
WHEN NOT EXISTS (SELECT 1 FROM deleted_tenants WHERE id = OLD.tenant)
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;

CREATE INDEX sessions_by_organization ON sessions (organization);
