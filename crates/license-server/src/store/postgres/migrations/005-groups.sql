-- The people whom administrators assign to the licenses of a pool. A removed row stays until its
-- place may go to another person. `since_lease` is the reading of the lease clock at the assignment.
CREATE TABLE named_users (
  tenant      text COLLATE "C" NOT NULL,
  pool        text COLLATE "C" NOT NULL,
  id          text COLLATE "C" NOT NULL,
  email       text COLLATE "C" NOT NULL CHECK (email <> ''),
  assigned_at bigint NOT NULL,
  assigned_by text COLLATE "C" NOT NULL,
  since_lease bigint NOT NULL CHECK (since_lease >= 0),
  removed_at  bigint,
  PRIMARY KEY (tenant, pool, email)
);
CREATE UNIQUE INDEX named_users_by_id ON named_users (tenant, pool, id);
CREATE INDEX named_users_by_email ON named_users (tenant, email);

-- The machines on which assigned people used a license.
CREATE TABLE machine_users (
  tenant     text COLLATE "C" NOT NULL,
  email      text COLLATE "C" NOT NULL,
  license    text COLLATE "C" NOT NULL,
  machine    text COLLATE "C" NOT NULL,
  first_seen bigint NOT NULL,
  last_seen  bigint NOT NULL,
  PRIMARY KEY (tenant, email, license, machine),
  FOREIGN KEY (tenant, license, machine) REFERENCES machines (tenant, license, machine)
    ON DELETE CASCADE
);
CREATE INDEX machine_users_by_machine ON machine_users (tenant, license, machine);

-- The groups (departments) of an organization, and their members. Sessions of the members of a
-- group hold seats under the id of the group.
CREATE TABLE groups (
  tenant     text COLLATE "C" NOT NULL,
  id         text COLLATE "C" NOT NULL,
  name       text COLLATE "C" NOT NULL CHECK (name <> ''),
  created_at bigint NOT NULL,
  PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX groups_by_name ON groups (tenant, name);

CREATE TABLE group_members (
  tenant           text COLLATE "C" NOT NULL,
  group_id         text COLLATE "C" NOT NULL,
  account          text COLLATE "C" NOT NULL,
  is_administrator bigint NOT NULL CHECK (is_administrator IN (0, 1)),
  added_at         bigint NOT NULL,
  PRIMARY KEY (tenant, group_id, account),
  FOREIGN KEY (tenant, group_id) REFERENCES groups (tenant, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant, account) REFERENCES members (tenant, account) ON DELETE CASCADE
);
CREATE INDEX group_members_by_account ON group_members (tenant, account);

-- A transaction sees and writes the rows of its own tenant only.
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY[
    'named_users', 'machine_users', 'groups', 'group_members'
  ] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format(
      'CREATE POLICY own_rows ON %I USING (tenant = current_setting(%L, true))',
      name, 'license_server.tenant');
  END LOOP;
END
$$;
