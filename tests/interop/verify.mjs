// Verifies a license token with jose, or another token with --validation or --lease.
//
//     verify.mjs TOKEN_FILE JWKS_FILE ALG AUDIENCE [--ignore-expiry] [--validation] [--lease]
//
// Prints the payload and exits with 0, or prints the reason of the refusal to standard error and
// exits with 1. Any other exit code is an error of the script and does not count as a refusal.

import assert from 'node:assert'
import { readFileSync } from 'node:fs'
import { jose } from './jose.mjs'

const TYPES = { '--validation': 'license-validation+jwt', '--lease': 'license-lease+jwt' }

class Refused extends Error {}

function keyFor(header, jwks, alg) {
  const keys = jwks.keys.filter((key) => key.kid === header.kid)
  if (keys.length !== 1) throw new Refused(`found ${keys.length} keys with kid ${header.kid}`)
  if (keys[0].alg !== alg) throw new Refused(`the key is for ${keys[0].alg}, not ${alg}`)
  return jose.importJWK(keys[0], alg)
}

// jose always checks `exp`, so the clock is set to a time before `exp`.
function clock(token, ignoreExpiry) {
  const now = Date.now()
  const { exp } = ignoreExpiry ? jose.decodeJwt(token) : {}
  return new Date(exp === undefined ? now : Math.min(now, (exp - 1) * 1000))
}

async function main([tokenFile, jwksFile, alg, audience, ...flags]) {
  assert(flags.every((flag) => ['--ignore-expiry', ...Object.keys(TYPES)].includes(flag)), flags.join(' '))
  const token = readFileSync(tokenFile, 'ascii').trim()
  const jwks = JSON.parse(readFileSync(jwksFile, 'utf8'))
  const { payload } = await jose.jwtVerify(token, (header) => keyFor(header, jwks, alg), {
    algorithms: [alg],
    audience,
    typ: TYPES[flags.find((flag) => flag in TYPES)] ?? 'license+jwt',
    currentDate: clock(token, flags.includes('--ignore-expiry')),
  })
  console.log(JSON.stringify(payload))
}

try {
  await main(process.argv.slice(2))
} catch (error) {
  const refused = error instanceof Refused || error instanceof jose.errors.JOSEError
  console.error(refused ? `refused: ${error}` : error)
  process.exitCode = refused ? 1 : 2
}
