SELECT count(*) FILTER (WHERE u.digest = f.digest),
  count(*) FILTER (WHERE u.digest <> f.digest)
FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
  AS f (license, kind, source, name, digest)
JOIN usage_facts u ON u.tenant = $1 AND u.license = f.license AND u.kind = f.kind
  AND u.source = f.source AND u.name = f.name
