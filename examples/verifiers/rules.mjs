// The rules that decide about a verified license. See docs/format.md, "Evaluation".

import { createHash } from 'node:crypto'

/** Returns whether a token is about a license, or about one that the license replaces. */
export function belongs(token, { aud, jti, supersedes = [] }) {
  return token.aud === aud && [jti, ...supersedes].includes(token.lic)
}

/** Returns the digest of a fingerprint with an id. Other machines stay as they are. */
function digest(machine) {
  const [, first] = /^fp1:((?:given|id)=[0-9a-f]{24})(,[a-z]+=[0-9a-f]{24})*$/.exec(machine) ?? []
  const hash = createHash('sha256').update(`license-machine-v1\n${first}`).digest('hex')
  return first ? `mach_${hash.slice(0, 32)}` : machine
}

/** Returns the code of the first rule that fails, or else of a grace period or `VALID`. */
export function decide(license, { licenses, validations, lists }, context) {
  const { aud, jti, iat, nbf: start = iat, exp: end = Infinity, machines, users } = license
  const { maintenance_until: covered = Infinity, renewal = { grace_hours: 0 } } = license
  const { check_in = { every_hours: Infinity, grace_hours: Infinity } } = license
  const { 'build-date': built = Infinity, 'usage-type': usage = 'builder' } = context
  const now = Math.max(context.at, ...[licenses, validations, lists].flat().map(({ iat }) => iat))
  const machine = digest(context.machine ?? '')
  const isHere = (token) => digest(token.machine ?? machine) === machine
  const tokens = validations.filter((token) => belongs(token, license) && isHere(token))
  const age = now - Math.max(start, iat, ...tokens.map((token) => token.iat))
  const isDenial = (token) => token.status !== 'active'
  const order = (token) =>
    `${`${token.iat}`.padStart(12, '0')} ${isDenial(token)} ${token.lic === jti} ${token.jti}`
  // A token about a license that this one replaces can be a check-in and a denial.
  const states = tokens
    .filter((token) => token.lic === jti || (isDenial(token) && token.iat >= iat))
    .sort((one, other) => (order(one) < order(other) ? -1 : 1))
  const status = states.at(-1)?.status ?? 'active'
  const own = lists.filter((list) => list.aud === aud)
  const isNewest = ({ kid, seq }) => !own.some((other) => other.kid === kid && other.seq > seq)
  const entries = own.filter(isNewest).flatMap(({ revoked }) => revoked)
  const isSuccessor = ({ supersedes, aud: product, iat: issued, nbf: starts = issued }) =>
    supersedes?.includes(jti) && product === aud && starts <= now
  const rules = [
    ['PRODUCT_MISMATCH', aud !== context.product],
    ['REVOKED', status === 'revoked' || entries.some((one) => one.jti === jti && one.at <= now)],
    ['SUPERSEDED', licenses.some(isSuccessor)],
    [status.toUpperCase(), status !== 'active'],
    ['NOT_YET_VALID', now < start],
    ['MACHINE_MISMATCH', machines && !machines.map(digest).includes(machine)],
    ['NOT_ACTIVATED', license.activation],
    ['USER_MISMATCH', users && !users.includes(context.user)],
    ['USAGE_MISMATCH', (license.usage_type ?? usage) !== usage],
    ['VERSION_NOT_COVERED', 'max_version' in license || built > covered],
    ['EXPIRED', now >= end + 3600 * renewal.grace_hours],
    ['CHECK_IN_OVERDUE', age > 3600 * check_in.grace_hours],
    ['SEAT_REQUIRED', license.floating],
    ['GRACE_RENEWAL', now >= end],
    ['GRACE_OFFLINE', age >= 3600 * check_in.every_hours],
  ]
  return rules.find(([, applies]) => applies)?.[0] ?? 'VALID'
}
