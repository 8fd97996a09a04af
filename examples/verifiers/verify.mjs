// Verifies license files, following docs/format.md. Needs Node.js 20 and no packages.
//
//     node verify.mjs --SETTING=VALUE... FILE...
//
// README.md describes the settings, the result, and what the verifier leaves out.

import { createHash, webcrypto } from 'node:crypto'
import { readFileSync } from 'node:fs'

const SETTINGS = ['trust', 'product', 'at', 'machine', 'user', 'usage-type', 'build-date']
const PRIVATE = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']
const SCHEMES = {
  RS256: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
  PS256: { name: 'RSA-PSS', hash: 'SHA-256', saltLength: 32 },
}
const [LICENSE, VALIDATION, REVOCATIONS] = ['LICENSE', 'LICENSE VALIDATION', 'LICENSE REVOCATIONS']
const BLOCK = /\n*-----BEGIN ([A-Z ]+)-----\n([\w.\n-]*)\n-----END \1-----(?:\n+|$)/y
// The parts of RFC 8259. `JSON.parse` would keep the last of two members with one name, and round.
const PART = new RegExp(
  [
    /([[\]{},:])/,
    /("(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")/,
    /(-?(?:0|[1-9][0-9]*))(\.[0-9]+)?([eE][+-]?[0-9]+)?/,
    /(true|false|null)/,
  ].map((part) => part.source).join('|').replace(/.*/s, '[ \\t\\n\\r]*(?:$&)[ \\t\\n\\r]*'),
  'y',
)

/** The input proves nothing. */
class Refused extends Error {
  constructor(message, code) {
    super(message)
    this.code = code
  }
}

function require(condition, message, code = 'MALFORMED') {
  if (!condition) throw new Refused(message, code)
}

function base64url(text) {
  const data = Buffer.from(text, 'base64url')
  require(data.toString('base64url') === text, 'expected base64url without padding or stray bits')
  return data
}

/** Parses an object. Objects become `Map`, integers `BigInt` and other numbers `Number`. */
function strictJson(data) {
  let text, found
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(data)
  } catch {
    throw new Refused('expected UTF-8', 'MALFORMED')
  }
  PART.lastIndex = 0
  function next() {
    try {
      found = PART.exec(text)
    } catch {
      found = null // A string is too long for the regular expression.
    }
    require(found, 'expected strict JSON')
    return found[1]
  }
  function value(depth) {
    const [, sign, string, number, fraction, exponent, word] = found
    if (string) {
      require(JSON.parse(string).isWellFormed(), 'found half of a surrogate pair')
      return JSON.parse(string)
    }
    require(!number || Number.isFinite(Number(found[0])), 'a number is out of range')
    if (number) return fraction || exponent || number === '-0' ? Number(found[0]) : BigInt(number)
    if (word) return JSON.parse(word)
    require((sign === '{' || sign === '[') && depth < 16, 'expected a value, in 16 levels')
    const isObject = sign === '{'
    const [members, elements] = [new Map(), []]
    if (next() !== (isObject ? '}' : ']')) {
      do {
        if (found[1] === ',') next()
        if (isObject) {
          require(found[2], 'expected the name of a member')
          const name = value(depth)
          require(!members.has(name) && next() === ':', 'duplicate member, or no colon')
          next()
          members.set(name, value(depth + 1))
        } else elements.push(value(depth + 1))
      } while (next() === ',')
      require(found[1] === (isObject ? '}' : ']'), 'expected the end of an object or array')
    }
    return isObject ? members : elements
  }
  next()
  const end = () => PART.lastIndex === text.length
  const parsed = value(0)
  require(end() && parsed instanceof Map, 'expected an object and nothing after it')
  return parsed
}

const schemaFile = new URL('claims.schema.json', import.meta.url)
const SCHEMAS = strictJson(readFileSync(schemaFile)).get('$defs')
const TYPES = {
  string: (value) => typeof value === 'string',
  integer: (value) => typeof value === 'bigint',
  boolean: (value) => typeof value === 'boolean',
  array: Array.isArray,
  object: (value) => value instanceof Map,
}

/** Checks a claim with the keywords of JSON Schema that claims.schema.json uses. */
function check(name, value, schema) {
  if (schema.has('$ref')) schema = SCHEMAS.get(schema.get('$ref').replace('#/$defs/', ''))
  const [type, claim] = [schema.get('type'), `claim \`${name}\``]
  require(TYPES[type](value), `${claim}: expected ${type}`)
  if (type === 'integer') {
    const isInRange = schema.get('minimum') <= value && value <= schema.get('maximum')
    require(isInRange, `${claim}: out of range`)
  } else if (type === 'string') {
    const pattern = new RegExp(schema.get('pattern'), 'u')
    require(pattern.test(value), `${claim}: expected ${pattern}`)
  } else if (type === 'array') {
    require(value.length >= (schema.get('minItems') ?? 0), `${claim}: found no element`)
    for (const element of value) check(name, element, schema.get('items'))
  } else if (type === 'object') {
    for (const member of schema.get('required') ?? []) {
      require(value.has(member), `claim \`${member}\` is missing`)
    }
    for (const [member, inner] of value) {
      const known = schema.get('properties')?.get(member) ?? schema.get('additionalProperties')
      if (known) check(member, inner, known)
    }
  }
}

/** Returns a value with objects, and with integers that are rounded beyond 2^53. */
function plain(value) {
  if (value instanceof Map) {
    return Object.fromEntries([...value].map(([name, inner]) => [name, plain(inner)]))
  }
  return Array.isArray(value) ? value.map(plain) : typeof value === 'bigint' ? Number(value) : value
}

/** Returns the id and the algorithm of a JWK, with the key for WebCrypto. */
function publicKey(jwk) {
  require(jwk === Object(jwk) && !PRIVATE.some((name) => name in jwk), 'expected a public key')
  const { kty, alg, n, e, use = 'sig', key_ops = ['verify'] } = jwk
  require(kty === 'RSA' && [n, e].every(TYPES.string), 'expected an RSA key')
  require(TYPES.string(alg) && Object.hasOwn(SCHEMES, alg) && use === 'sig', '`alg` or `use` of the key')
  const operations = ['["verify"]', '["verify","sign"]', '["sign","verify"]']
  require(operations.includes(JSON.stringify(key_ops)), '`key_ops`')
  require(base64url(n)[0] > 0 && base64url(e)[0] > 0, 'expected numbers without leading zeros')
  const number = (text) => BigInt(`0x${base64url(text).toString('hex')}`)
  const [modulus, exponent] = [n, e].map(number)
  require(modulus >> 2047n && !(modulus >> 8192n) && modulus & 1n, 'the modulus')
  require(exponent >= 65537n && exponent < 1n << 32n && exponent & 1n, 'the exponent')
  const kid = createHash('sha256').update(`{"e":"${e}","kty":"RSA","n":"${n}"}`).digest('base64url')
  require((jwk.kid ?? kid) === kid && jwk.kid !== null, '`kid` is not the thumbprint')
  return { kid, alg, jwk: { kty, n, e } }
}

function trustSet(data) {
  const [document, trust] = [plain(strictJson(data)), new Map()]
  const { keys = [document] } = document
  require(Array.isArray(keys) && keys.length > 0, '`keys`')
  for (const key of keys.map(publicKey)) {
    require((trust.get(key.kid) ?? key).alg === key.alg, 'a key has two algorithms')
    trust.set(key.kid, key)
  }
  return trust
}

/** Verifies a token. Returns its claims, with the id of its key as `kid`. */
async function verify(token, keys, typ) {
  const isList = typ === 'license-revocations+jwt'
  require(token.length <= (isList ? 2 ** 25 : 2 ** 16), 'the token is too long')
  require(/^[\w-]*\.[\w-]*\.[\w-]*$/.test(token), 'expected three segments of base64url')
  const parts = token.split('.')
  const [header, signature] = [strictJson(base64url(parts[0])), base64url(parts[2])]
  const [alg, kid] = [header.get('alg'), header.get('kid')]
  require(header.size === 3 && header.get('typ') === typ, 'members or `typ` of the header')
  require(TYPES.string(alg) && Object.hasOwn(SCHEMES, alg) && TYPES.string(kid), '`alg` or `kid`')
  require(kid !== '' && Buffer.byteLength(kid) <= 128, 'the length of `kid`')
  require(keys.has(kid), `the key ${kid} is not trusted`, 'UNTRUSTED_KEY')
  const key = keys.get(kid)
  require(key.alg === alg, `the key signs with ${key.alg}`, 'BAD_SIGNATURE')
  const imported = await webcrypto.subtle.importKey('jwk', key.jwk, SCHEMES[alg], false, ['verify'])
  const signed = Buffer.from(token.slice(0, token.lastIndexOf('.')))
  const matches = await webcrypto.subtle.verify(SCHEMES[alg], imported, signature, signed)
  require(matches, 'the signature does not match', 'BAD_SIGNATURE')
  const [claims, schema] = [strictJson(base64url(parts[1])), SCHEMAS.get(typ)]
  if (typ === 'license+jwt') {
    check('ver', claims.get('ver'), SCHEMAS.get('count'))
    require(claims.get('ver') === 1n, 'claim `ver`', 'UNSUPPORTED_VERSION')
  }
  const crit = claims.has('crit') ? claims.get('crit') : []
  check('crit', crit, SCHEMAS.get('texts'))
  for (const name of crit) {
    const isKnown = schema.get('properties').has(name)
    require(isKnown, `critical claim \`${name}\``, 'UNSUPPORTED_CLAIM')
  }
  check('payload', claims, schema)
  return { ...plain(claims), kid }
}

async function verifyLicense(token, trust) {
  const claims = await verify(token, trust, 'license+jwt')
  require(claims.cnf || !claims.floating, 'claim `floating` without `cnf`')
  const { every_hours, grace_hours } = claims.check_in ?? { every_hours: 0, grace_hours: 0 }
  require(every_hours <= grace_hours, 'claim `check_in`')
  const server = claims.cnf && publicKey(claims.cnf.jwk)
  require(!trust.has(server?.kid), 'claim `cnf`', 'SERVER_KEY_TRUSTED')
  const { aud, jti, sub, tier, exp = 'perpetual' } = claims
  const lines = ['coditect-license-key-v1', jti, sub, tier, exp].join('\n')
  const hash = createHash('sha256').update(lines).digest('hex').slice(0, 12)
  const key = `${aud}-${tier}-${hash}`.toUpperCase()
  let crc = 0xffff
  for (const byte of Buffer.from(key)) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) crc = (crc << 1) ^ (crc & 0x8000 ? 0x11021 : 0)
  }
  const full = `${key}-${(crc ^ 0xf027).toString(16).padStart(4, '0').toUpperCase()}`
  require((claims.key ?? full) === full, 'claim `key` does not match the other claims')
  return claims
}

/** Returns whether a token is about a license, or about one that the license replaces. */
function belongs(token, { aud, jti, supersedes = [] }) {
  return token.aud === aud && [jti, ...supersedes].includes(token.lic)
}

/** Returns the verified licenses, validation tokens and revocation lists of a file. */
async function verifyFile(data, trust) {
  const hasList = data.subarray(0, 2 ** 18).includes(`-----BEGIN ${REVOCATIONS}-----`)
  require(data.length <= (hasList ? 2 ** 25 : 2 ** 18), 'the file is too long')
  const text = data.toString('latin1').replaceAll('\r\n', '\n')
  const tokens = { [LICENSE]: [], [VALIDATION]: [], [REVOCATIONS]: [] }
  if (!/^\n*-/.test(text)) tokens[LICENSE].push(text.replace(/^\n+|\n+$/g, ''))
  else for (BLOCK.lastIndex = 0; BLOCK.lastIndex < text.length; ) {
    const block = BLOCK.exec(text)
    const isKnown = block && Object.hasOwn(tokens, block[1])
    require(isKnown, 'expected armor blocks with licenses and their tokens')
    tokens[block[1]].push(block[2].replaceAll('\n', ''))
  }
  const size = [...tokens[LICENSE], ...tokens[VALIDATION]].join('').length
  require(size <= 2 ** 18, 'the licenses and their tokens are too long')
  const each = (label, typ, verifyOne) =>
    Promise.all(tokens[label].map((token) => verifyOne(token, trust, typ)))
  const licenses = await each(LICENSE, 'license+jwt', verifyLicense)
  const validations = await each(VALIDATION, 'license-validation+jwt', verify)
  const lists = await each(REVOCATIONS, 'license-revocations+jwt', verify)
  require(licenses.length > 0, 'expected a license', 'NEEDS_LICENSE_FILE')
  for (const token of validations) {
    const hasLicense = licenses.some((license) => belongs(token, license))
    require(hasLicense, 'claim `lic`: the token belongs to another license')
  }
  for (const { revoked } of lists) {
    const ids = new Set(revoked.map(({ jti }) => jti))
    require(ids.size === revoked.length, 'claim `revoked`: a duplicate')
  }
  return { licenses, validations, lists }
}

/** Returns the digest of a fingerprint with an id. Other machines stay as they are. */
function digest(machine) {
  const [, first] = /^fp1:((?:given|id)=[0-9a-f]{24})(,[a-z]+=[0-9a-f]{24})*$/.exec(machine) ?? []
  const hash = createHash('sha256').update(`license-machine-v1\n${first}`).digest('hex')
  return first ? `mach_${hash.slice(0, 32)}` : machine
}

/** Returns the code of the first rule that fails, or else of a grace period or `VALID`. */
function decide(license, { licenses, validations, lists }, context) {
  const now = Math.max(context.at, ...[licenses, validations, lists].flat().map(({ iat }) => iat))
  const { aud, jti, iat, nbf: start = iat, exp: end = Infinity, machines, users } = license
  const machine = digest(context.machine ?? '')
  const isHere = (token) => digest(token.machine ?? machine) === machine
  const tokens = validations.filter((token) => belongs(token, license) && isHere(token))
  const isDenial = (token) => token.status !== 'active'
  // A token about a license that this one replaces can be a check-in and a denial.
  const states = tokens
    .filter((token) => token.lic === jti || (isDenial(token) && token.iat >= iat))
    .sort((one, other) => one.iat - other.iat || isDenial(one) - isDenial(other))
  const status = states.at(-1)?.status ?? 'active'
  const own = lists.filter((list) => list.aud === aud)
  const isNewest = ({ kid, seq }) => !own.some((other) => other.kid === kid && other.seq > seq)
  const entries = own.filter(isNewest).flatMap(({ revoked }) => revoked)
  const isRevoked = entries.some((entry) => entry.jti === jti && entry.at <= now)
  const isReplaced = licenses.some(
    ({ supersedes, aud: product, iat: issued, nbf: starts = issued }) =>
      supersedes?.includes(jti) && product === aud && starts <= now,
  )
  const check_in = license.check_in ?? { every_hours: Infinity, grace_hours: Infinity }
  const age = now - Math.max(start, iat, ...tokens.map((token) => token.iat))
  const { 'build-date': built = Infinity, 'usage-type': usage = 'builder' } = context
  const { maintenance_until: covered = Infinity, usage_type = usage } = license
  const rules = [
    ['PRODUCT_MISMATCH', aud !== context.product],
    ['REVOKED', status === 'revoked' || isRevoked],
    ['SUPERSEDED', isReplaced],
    [status.toUpperCase(), status !== 'active'],
    ['NOT_YET_VALID', now < start],
    ['MACHINE_MISMATCH', machines && !machines.map(digest).includes(machine)],
    ['NOT_ACTIVATED', license.activation],
    ['USER_MISMATCH', users && !users.includes(context.user)],
    ['USAGE_MISMATCH', usage_type !== usage],
    ['VERSION_NOT_COVERED', 'max_version' in license || built > covered],
    ['EXPIRED', now >= end + 3600 * (license.renewal?.grace_hours ?? 0)],
    ['CHECK_IN_OVERDUE', age > 3600 * check_in.grace_hours],
    ['SEAT_REQUIRED', license.floating],
    ['GRACE_RENEWAL', now >= end],
    ['GRACE_OFFLINE', age >= 3600 * check_in.every_hours],
  ]
  return rules.find(([, applies]) => applies)?.[0] ?? 'VALID'
}

/** Verifies the licenses of a file. */
async function result(file, context) {
  try {
    const verified = await verifyFile(readFileSync(file), trustSet(readFileSync(context.trust)))
    const decided = (claims) => ({ code: decide(claims, verified, context), claims })
    return { licenses: verified.licenses.map(decided) }
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    return { error: { code: error.code, message: error.message } }
  }
}

const context = {}
process.exitCode = 0
for (const argument of process.argv.slice(2)) {
  const [, name, value] = /^--([a-z-]+)=(.*)$/s.exec(argument) ?? []
  if (name) {
    if (!SETTINGS.includes(name)) throw new Error(`unknown setting ${name}`)
    context[name] = value === '' ? undefined : value
    if (['at', 'build-date'].includes(name) && value !== '') {
      const isExact = /(Z|[+-]\d\d:\d\d)$/.test(value) && !Number.isNaN(Date.parse(value))
      if (!isExact) throw new Error(`--${name}: expected a date of RFC 3339 with an offset`)
      context[name] = Date.parse(value) / 1000
    }
    continue
  }
  for (const required of ['trust', 'product', 'at']) {
    const isSet = context[required] !== undefined
    if (!isSet) throw new Error(`expected --${required}=VALUE before ${argument}`)
  }
  const { error, licenses } = await result(argument, context)
  console.log(JSON.stringify({ file: argument, error, licenses }))
  const isValid = licenses?.some(({ code }) => code === 'VALID' || code.startsWith('GRACE_'))
  process.exitCode = Math.max(process.exitCode, error ? 3 : isValid ? 0 : 1)
}
