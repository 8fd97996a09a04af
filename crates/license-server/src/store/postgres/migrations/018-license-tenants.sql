-- A client names a license, and the license names its tenant. A look-up by a license concerns all
-- tenants but that of the server, whose licenses are found first. The indexes therefore have only
-- the licenses of the other tenants.
CREATE INDEX licenses_of_others_by_id ON licenses (id, tenant) WHERE tenant <> 'site';
CREATE INDEX licenses_of_others_by_key ON licenses (key, tenant) WHERE tenant <> 'site';
CREATE INDEX licenses_of_others_by_short_key ON licenses (short_key, tenant) WHERE tenant <> 'site';
CREATE INDEX licenses_of_others_by_pool ON licenses (pool, tenant) WHERE tenant <> 'site';

-- A transaction that knows the id or a key of a license sees the licenses with this name, and those
-- of the pool with this name. It can change none.
CREATE POLICY by_name ON licenses FOR SELECT
  USING (current_setting('license_server.tenant', true) IN (
    'license:' || id, 'license:' || key, 'license:' || short_key, 'license:' || pool));

-- No tenant has an id that a transaction for a license states in its place.
ALTER TABLE tenants
  ADD CONSTRAINT tenants_license_check CHECK (tenant NOT LIKE 'license:%');
