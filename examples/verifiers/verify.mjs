// Verifies license files, following docs/format.md. Needs Node.js 20 and no packages.
//
//     node verify.mjs --SETTING=VALUE... FILE...
//
// See README.md for the settings and the results. rules.mjs has the rules, strict.mjs the parsers.

import { webcrypto } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { belongs, decide } from './rules.mjs'
import { Refused, SCHEMAS, base64url, check, checkClaims, require, strictJson, trustSet } from './strict.mjs'

const [LICENSE, VALIDATION, LIST] = ['LICENSE', 'LICENSE VALIDATION', 'LICENSE REVOCATIONS']
const TYPES = {
  [LICENSE]: 'license+jwt',
  [VALIDATION]: 'license-validation+jwt',
  [LIST]: 'license-revocations+jwt',
}
const BLOCK = /-----BEGIN ([A-Z ]+)-----\n([\w.\n-]*)\n-----END \1-----(?:\n+|$)/g
const SCHEMES = {
  RS256: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
  PS256: { name: 'RSA-PSS', hash: 'SHA-256', saltLength: 32 },
}
const REQUIRED = ['trust', 'product', 'at']
const OPTIONAL = ['machine', 'user', 'usage-type', 'build-date']

/** Verifies a token: its header, its signature, and then its claims. Returns the claims, with the
 * id of the key as `kid`. */
async function verify(token, trust, typ) {
  require(token.length <= (typ === TYPES[LIST] ? 2 ** 25 : 2 ** 16), 'the token is too long')
  const segments = token.split('.').map(base64url)
  require(segments.length === 3, 'expected three segments')
  const header = strictJson(segments[0])
  check('header', header, SCHEMAS.get('header'))
  const [alg, kid] = [header.get('alg'), header.get('kid')]
  require(header.get('typ') === typ, `expected \`typ\` ${typ}`)
  require(Buffer.byteLength(kid) <= 128, '`kid` is too long')
  require(trust.has(kid), `the key ${kid} is not trusted`, 'UNTRUSTED_KEY')
  const key = trust.get(kid)
  require(key.alg === alg, `the key signs with ${key.alg}`, 'BAD_SIGNATURE')
  const imported = await webcrypto.subtle.importKey('jwk', key.jwk, SCHEMES[alg], false, ['verify'])
  const signed = Buffer.from(token.slice(0, token.lastIndexOf('.')))
  const matches = await webcrypto.subtle.verify(SCHEMES[alg], imported, segments[2], signed)
  require(matches, 'the signature does not match', 'BAD_SIGNATURE')
  return { ...checkClaims(strictJson(segments[1]), typ, trust), kid }
}

/** Returns the verified licenses, validation tokens and revocation lists of a file. */
async function verifyFile(data, trust) {
  const hasList = data.subarray(0, 2 ** 18).includes(`-----BEGIN ${LIST}-----`)
  require(data.length <= (hasList ? 2 ** 25 : 2 ** 18), 'the file is too long')
  let text = data.toString('latin1').replaceAll('\r\n', '\n').replace(/^\n+/, '')
  if (!text.startsWith('-')) text = `-----BEGIN LICENSE-----\n${text}\n-----END LICENSE-----`
  const tokens = { [LICENSE]: [], [VALIDATION]: [], [LIST]: [] }
  const rest = text.replace(BLOCK, (_, label, token) => {
    require(Object.hasOwn(tokens, label), `found a block ${label}`)
    tokens[label].push(token.replaceAll('\n', ''))
    return ''
  })
  require(rest === '', 'expected armor blocks with licenses and their tokens')
  const size = [...tokens[LICENSE], ...tokens[VALIDATION]].join('').length
  require(size <= 2 ** 18, 'the licenses and their tokens are too long')
  async function each(label) {
    const found = []
    for (const token of tokens[label]) found.push(await verify(token, trust, TYPES[label]))
    return found
  }
  const licenses = await each(LICENSE)
  const [validations, lists] = [await each(VALIDATION), await each(LIST)]
  require(licenses.length > 0, 'expected a license', 'NEEDS_LICENSE_FILE')
  for (const token of validations) {
    const hasLicense = licenses.some((license) => belongs(token, license))
    require(hasLicense, 'claim `lic`: the token belongs to another license')
  }
  return { licenses, validations, lists }
}

/** Returns the answer for a file. */
async function answer(file, context) {
  try {
    const verified = await verifyFile(readFileSync(file), trustSet(readFileSync(context.trust)))
    const decided = (claims) => ({ code: decide(claims, verified, context), claims })
    return { file, licenses: verified.licenses.map(decided) }
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    return { file, error: { code: error.code, message: error.message } }
  }
}

const context = {}
process.exitCode = 0
for (const argument of process.argv.slice(2)) {
  const [, name, value] = /^--([a-z-]+)=(.*)$/s.exec(argument) ?? []
  if (argument.startsWith('--')) {
    if (![...REQUIRED, ...OPTIONAL].includes(name)) throw new Error(`unknown setting ${argument}`)
    context[name] = value === '' ? undefined : value
    if (['at', 'build-date'].includes(name) && value !== '') {
      const isExact = /(Z|[+-]\d\d:\d\d)$/.test(value) && !Number.isNaN(Date.parse(value))
      if (!isExact) throw new Error(`${argument}: expected a date of RFC 3339 with an offset`)
      context[name] = Date.parse(value) / 1000
    }
    continue
  }
  const missing = REQUIRED.find((required) => context[required] === undefined)
  if (missing) throw new Error(`expected --${missing}=VALUE before ${argument}`)
  const found = await answer(argument, context)
  console.log(JSON.stringify(found))
  const isValid = found.licenses?.some(({ code }) => /^(VALID|GRACE_.*)$/.test(code))
  process.exitCode = Math.max(process.exitCode, found.error ? 3 : isValid ? 0 : 1)
}
