-- The ids of tenants that were deleted. A request that was running during the deletion can bring no
-- row of `tenants` back, and each change that is recorded needs this row.
CREATE TABLE deleted_tenants (
  id         text COLLATE "C" NOT NULL PRIMARY KEY,
  deleted_at bigint NOT NULL
);
ALTER TABLE deleted_tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE deleted_tenants FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON deleted_tenants
  USING (id = current_setting('license_server.tenant', true));

-- The trigger runs after the insertion, because an insertion can wait for the deletion. Its query
-- then sees what was committed meanwhile.
CREATE FUNCTION refuse_deleted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM deleted_tenants WHERE id = NEW.tenant) THEN
    RAISE EXCEPTION 'the organization was deleted';
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER tenants_stay_deleted AFTER INSERT ON tenants
  FOR EACH ROW EXECUTE FUNCTION refuse_deleted();

-- The audit trail of a tenant lasts as long as the tenant.
CREATE FUNCTION refuse_removal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM deleted_tenants WHERE id = OLD.tenant) THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME;
END
$$;
DROP TRIGGER audit_stays ON audit;
CREATE TRIGGER audit_stays BEFORE UPDATE ON audit
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_remains BEFORE DELETE ON audit
  FOR EACH ROW EXECUTE FUNCTION refuse_removal();

CREATE INDEX sessions_by_organization ON sessions (organization);
