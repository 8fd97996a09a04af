// Signs a license token with jose.
//
//     sign.mjs KEY_FILE ALG KID CLAIMS_FILE
//
// The key is PKCS#8 in PEM. Prints the token, whose header is `alg`, `kid` and `typ`.

import { readFileSync } from 'node:fs'
import { jose } from './jose.mjs'

const [keyFile, alg, kid, claimsFile] = process.argv.slice(2)
const key = await jose.importPKCS8(readFileSync(keyFile, 'ascii'), alg)
const claims = JSON.parse(readFileSync(claimsFile, 'utf8'))
const header = { alg, kid, typ: 'license+jwt' }
console.log(await new jose.SignJWT(claims).setProtectedHeader(header).sign(key))
