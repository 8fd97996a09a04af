// Prints the RFC 7638 SHA-256 thumbprint of a public key, as jose computes it.
//
//     thumbprint.mjs JWK_FILE

import { readFileSync } from 'node:fs'
import { jose } from './jose.mjs'

const [jwkFile] = process.argv.slice(2)
console.log(await jose.calculateJwkThumbprint(JSON.parse(readFileSync(jwkFile, 'utf8')), 'sha256'))
