-- Whether `license_terms` and `license_words` have rows of the license. A server indexes the licenses
-- of an earlier version when it starts.
ALTER TABLE licenses ADD indexed bigint NOT NULL DEFAULT 0 CHECK (indexed IN (0, 1));
CREATE INDEX licenses_to_index ON licenses (tenant, number) WHERE indexed = 0;

-- The terms by which licenses are found and sorted. `name` is the beginning of the customer's name
-- without the difference of case. `replaced_at` is the first instant of a license that replaces this
-- one and is not revoked. The largest number stands for "never". The indexes have all columns of
-- filters, so that a search reads no row that it does not return.
CREATE TABLE license_terms (
  tenant      text COLLATE "C" NOT NULL,
  number      bigint NOT NULL,
  name        text COLLATE "C" NOT NULL,
  tier        text COLLATE "C" NOT NULL,
  issued_at   bigint NOT NULL,
  starts_at   bigint NOT NULL,
  ends_at     bigint NOT NULL,
  is_revoked  bigint NOT NULL CHECK (is_revoked IN (0, 1)),
  replaced_at bigint NOT NULL,
  PRIMARY KEY (tenant, number),
  FOREIGN KEY (tenant, number) REFERENCES licenses (tenant, number) ON DELETE CASCADE
);
CREATE INDEX license_terms_by_name ON license_terms
  (tenant, name, number, is_revoked, replaced_at, ends_at, starts_at, tier);
CREATE INDEX license_terms_by_end ON license_terms
  (tenant, ends_at, number, is_revoked, replaced_at, starts_at, tier);
CREATE INDEX license_terms_by_issue ON license_terms
  (tenant, issued_at, number, is_revoked, replaced_at, ends_at, starts_at, tier);

-- The words of licenses. `is_name` is 1 for a word in the name of the customer or company.
CREATE TABLE license_words (
  tenant  text COLLATE "C" NOT NULL,
  word    text COLLATE "C" NOT NULL,
  number  bigint NOT NULL,
  is_name bigint NOT NULL CHECK (is_name IN (0, 1)),
  PRIMARY KEY (tenant, word, number),
  FOREIGN KEY (tenant, number) REFERENCES licenses (tenant, number) ON DELETE CASCADE
);
CREATE INDEX license_words_by_license ON license_words (tenant, number, word, is_name);

-- The ids of the newest revocation lists, whether the licenses are installed or not.
CREATE TABLE revoked_licenses (
  tenant  text COLLATE "C" NOT NULL,
  product text COLLATE "C" NOT NULL,
  issuer  text COLLATE "C" NOT NULL,
  license text COLLATE "C" NOT NULL,
  PRIMARY KEY (tenant, product, issuer, license)
);
CREATE INDEX revoked_licenses_by_license ON revoked_licenses (tenant, license);

-- Lists of all machines, by their last use and by their name.
CREATE INDEX machines_by_time ON machines (tenant, last_seen, license, machine);
CREATE INDEX machines_by_name ON machines (tenant, machine, license);

DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['license_terms', 'license_words', 'revoked_licenses'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format(
      'CREATE POLICY own_rows ON %I USING (tenant = current_setting(%L, true))',
      name, 'license_server.tenant');
  END LOOP;
END
$$;
