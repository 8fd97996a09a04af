// Strict parsers for verify.mjs: base64url, JSON, public keys and claims. See docs/format.md.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

const TYPES = {
  string: (value) => typeof value === 'string',
  integer: (value) => typeof value === 'bigint',
  boolean: (value) => typeof value === 'boolean',
  array: Array.isArray,
  object: (value) => value instanceof Map,
}
// The strings, numbers and marks of a JSON text.
const PARTS = /"([^"\\]*(?:\\.[^"\\]*)*)"|(-?[0-9][0-9.eE+-]*)|[[\]{}:]/gs

/** The input proves nothing. */
export class Refused extends Error {
  constructor(message, code) {
    super(message)
    this.code = code
  }
}

export function require(condition, message, code = 'MALFORMED') {
  if (!condition) throw new Refused(message, code)
}

export function base64url(text) {
  const data = Buffer.from(text, 'base64url')
  require(data.toString('base64url') === text, 'expected base64url without padding or stray bits')
  return data
}

/**
 * Parses an object without duplicate members, of up to 16 levels. Objects become `Map`, integers
 * `BigInt` and other numbers `Number`. `JSON.parse` alone would keep the last of two members with
 * one name, and round integers.
 */
export function strictJson(data) {
  let [members, depth, value] = [0, 0]
  function marked(part, string, number) {
    if (part === ':') members++
    if (part === '{' || part === '[') require(++depth <= 16, 'expected at most 16 levels')
    if (part === '}' || part === ']') depth--
    // The first letter of each string says whether it was a string or a number.
    return string !== undefined ? `"s${string}"` : number !== undefined ? `"n${number}"` : part
  }
  function unmarked(_, value) {
    if (TYPES.string(value)) return value[0] === 's' ? wellFormed(value.slice(1)) : number(value)
    if (value !== Object(value) || Array.isArray(value)) return value
    members -= Object.keys(value).length
    return new Map(Object.entries(value).map(([name, inner]) => [wellFormed(name.slice(1)), inner]))
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(data)
    const markedText = text.replace(PARTS, marked)
    JSON.parse(text) // The syntax.
    value = JSON.parse(markedText, unmarked)
  } catch (error) {
    throw error instanceof Refused ? error : new Refused(`expected strict JSON: ${error.message}`, 'MALFORMED')
  }
  require(members === 0, 'duplicate member')
  require(value instanceof Map, 'expected an object')
  return value
}

function wellFormed(text) {
  require(text.isWellFormed(), 'found half of a surrogate pair')
  return text
}

function number(marked) {
  const text = marked.slice(1)
  require(Number.isFinite(Number(text)), 'a number is out of range')
  return /^(0|-?[1-9][0-9]*)$/.test(text) ? BigInt(text) : Number(text)
}

const schemaFile = new URL('claims.schema.json', import.meta.url)
export const SCHEMAS = strictJson(readFileSync(schemaFile)).get('$defs')

/** Checks a value with the keywords of JSON Schema that claims.schema.json uses. */
export function check(name, value, schema) {
  require(schema !== false, `found \`${name}\``)
  if (schema.has('$ref')) schema = SCHEMAS.get(schema.get('$ref').replace('#/$defs/', ''))
  const type = schema.get('type')
  require(TYPES[type](value), `\`${name}\`: expected ${type}`)
  if (type === 'integer') {
    const isInRange = schema.get('minimum') <= value && value <= schema.get('maximum')
    require(isInRange, `\`${name}\`: out of range`)
  } else if (type === 'string') {
    const pattern = new RegExp(schema.get('pattern'), 'u')
    require(pattern.test(value), `\`${name}\`: expected ${pattern}`)
  } else if (type === 'array') {
    require(value.length >= (schema.get('minItems') ?? 0), `\`${name}\`: found no element`)
    for (const element of value) check(name, element, schema.get('items'))
  } else if (type === 'object') {
    for (const member of schema.get('required') ?? []) {
      require(value.has(member), `\`${member}\` is missing`)
    }
    for (const [member, inner] of value) {
      const known = schema.get('properties')?.get(member) ?? schema.get('additionalProperties')
      if (known !== undefined) check(member, inner, known)
    }
  }
}

/** Returns a value with objects, and with integers that are rounded beyond 2^53. */
export function plain(value) {
  if (value instanceof Map) return Object.fromEntries([...value].map(([k, v]) => [k, plain(v)]))
  return Array.isArray(value) ? value.map(plain) : typeof value === 'bigint' ? Number(value) : value
}

/** Returns the id and the algorithm of a JWK, with the key for WebCrypto. */
function publicKey(members) {
  check('key', members, SCHEMAS.get('jwk'))
  const { kty, alg, n, e, kid, key_ops = ['verify'] } = plain(members)
  require(['verify', 'sign,verify'].includes(key_ops.toSorted().join()), '`key_ops`')
  const [modulus, exponent] = [n, e].map((text) => BigInt(`0x${base64url(text).toString('hex')}`))
  require(modulus >> 2047n && !(modulus >> 8192n) && modulus & 1n, 'the modulus')
  require(exponent >= 65537n && exponent < 1n << 32n && exponent & 1n, 'the exponent')
  const thumbprint = createHash('sha256').update(`{"e":"${e}","kty":"RSA","n":"${n}"}`)
  const id = thumbprint.digest('base64url')
  require((kid ?? id) === id, '`kid` is not the thumbprint')
  return { kid: id, alg, jwk: { kty, n, e } }
}

/** Parses the public keys of a vendor. Returns each key by its id. */
export function trustSet(data) {
  const [document, trust] = [strictJson(data), new Map()]
  const keys = document.has('keys') ? document.get('keys') : [document]
  require(Array.isArray(keys) && keys.length > 0, '`keys`')
  for (const key of keys.map(publicKey)) {
    require((trust.get(key.kid) ?? key).alg === key.alg, 'a key has two algorithms')
    trust.set(key.kid, key)
  }
  return trust
}

/** Checks the claims of a token: with the schema, and then what a schema cannot express. */
export function checkClaims(members, typ, trust) {
  if (typ === 'license+jwt') {
    check('ver', members.get('ver'), SCHEMAS.get('count'))
    require(members.get('ver') === 1n, 'claim `ver`', 'UNSUPPORTED_VERSION')
  }
  const [schema, crit] = [SCHEMAS.get(typ), members.has('crit') ? members.get('crit') : []]
  check('crit', crit, SCHEMAS.get('texts'))
  const unknown = crit.filter((name) => !schema.get('properties').has(name))
  require(unknown.length === 0, `critical claims ${unknown}`, 'UNSUPPORTED_CLAIM')
  check('payload', members, schema)
  const claims = plain(members)
  const revoked = typ === 'license-revocations+jwt' ? claims.revoked : []
  require(new Set(revoked.map(({ jti }) => jti)).size === revoked.length, '`revoked`: a duplicate')
  if (typ === 'license+jwt') checkLicense(claims, members.get('cnf'), trust)
  return claims
}

function checkLicense(claims, cnf, trust) {
  const { aud, jti, sub, tier, exp = 'perpetual', floating, check_in } = claims
  require(cnf || !floating, 'claim `floating` without `cnf`')
  require(!(check_in?.every_hours > check_in?.grace_hours), 'claim `check_in`')
  const isTrusted = cnf && trust.has(publicKey(cnf.get('jwk')).kid)
  require(!isTrusted, 'claim `cnf`', 'SERVER_KEY_TRUSTED')
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
}
