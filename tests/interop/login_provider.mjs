// An OpenID provider on a free port of the loopback interface, with npm's `oidc-provider`. Prints its
// issuer as JSON. Requests below /test are those of the tests:
//
//     /test/approve?user_code=CODE&user=NAME   logs in and consents at the pages of the provider
//     /test/deny?user_code=CODE                aborts at the page of the provider
//     /test/set?id_token_seconds=N             sets the lifetime of ID tokens
//     /test/set?code_seconds=N                 sets the lifetime of codes
//     /test/set?slow_down=N                    answers the next N requests for tokens with slow_down
//     /test/rotate                             replaces the signing key
//     /test/count                              returns the number of requests by grant type
//     /test/forge                              signs the claims in the body: {alg, claims}
//     /test/client?redirect_uri=URL&logout_uri=URL
//                                              registers a license server as the client `licenses`
//     /test/person?user=NAME&groups=A,B        sets the groups of a user
//     /test/sign-in?user=NAME&url=URL          opens the URL in a browser of the user, signs in at the
//                                              pages of the provider, and returns the URL of the answer
//     /test/sign-out?user=NAME                 signs out at the page of the provider

import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { jose } from './jose.mjs'

const modules = process.env.LICENSE_TESTS_NODE_MODULES
const { resolve } = createRequire(join(modules, 'none.js'))
console.info = console.warn = () => {}
const { Provider } = await import(pathToFileURL(resolve('oidc-provider')))

const settings = { id_token_seconds: 3600, code_seconds: 600, slow_down: 0 }
const count = {}
const groups = new Map()
const browsers = new Map()
let issuer, provider, handle, privateKey, publicJwk, web

function account(_, id) {
  const claims = () => ({
    sub: id,
    name: id,
    email: `${id}@acme.example`,
    email_verified: id !== 'mallory',
    groups: groups.get(id) ?? [],
  })
  return { accountId: id, claims }
}

async function start() {
  const pair = await jose.generateKeyPair('RS256', { extractable: true })
  const kid = crypto.randomUUID()
  privateKey = pair.privateKey
  publicJwk = { ...await jose.exportJWK(pair.publicKey), kid }
  provider = new Provider(issuer, {
    clients: [{
      client_id: 'license',
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
      response_types: [],
      redirect_uris: [],
    }, ...(web ? [web] : [])],
    jwks: { keys: [{ ...await jose.exportJWK(privateKey), kid, alg: 'RS256', use: 'sig' }] },
    features: {
      deviceFlow: { enabled: true },
      revocation: { enabled: true },
      backchannelLogout: { enabled: true },
    },
    claims: {
      openid: ['sub'],
      email: ['email', 'email_verified'],
      profile: ['name'],
      groups: ['groups'],
    },
    // The dispatcher of the provider refuses addresses of this machine.
    fetch: (url, { dispatcher, ...options }) => globalThis.fetch(url, options),
    scopes: ['openid', 'email', 'profile', 'groups', 'offline_access'],
    // The address is a claim of the ID token, as with most providers.
    conformIdTokenClaims: false,
    findAccount: account,
    cookies: { keys: ['test'] },
    ttl: {
      IdToken: () => settings.id_token_seconds,
      DeviceCode: () => settings.code_seconds,
      AccessToken: 60, Grant: 86400, Interaction: 600, RefreshToken: 86400, Session: 86400,
    },
  })
  provider.use(async (ctx, next) => {
    await next()
    const { route, params } = ctx.oidc ?? {}
    if (route === 'device_authorization' && ctx.body.device_code) ctx.body.interval = 1
    if (route === 'token') count[params.grant_type] = (count[params.grant_type] ?? 0) + 1
  })
  handle = provider.callback()
}

// A browser: keeps cookies and follows redirects.
class Browser {
  cookies = new Map()

  async open(url, form) {
    for (;;) {
      const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
      const body = form && new URLSearchParams(form)
      const method = form ? 'POST' : 'GET'
      const answer = await fetch(url, { method, body, headers: { cookie }, redirect: 'manual' })
      for (const line of answer.headers.getSetCookie()) {
        const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)
        if (value) this.cookies.set(name, value)
        else this.cookies.delete(name)
      }
      const location = answer.headers.get('location')
      // The test opens the answer itself.
      if (web && location?.startsWith(web.redirect_uris[0])) return { url: location, text: '' }
      if (!location) return { url, text: await answer.text(), status: answer.status }
      url = new URL(location, url).href
      form = undefined
    }
  }

  // Opens the page of a code. Returns its form.
  async code(userCode) {
    const page = await this.open(`${issuer}/device?user_code=${userCode}`)
    const [, xsrf] = /name="xsrf" value="([^"]+)"/.exec(page.text)
    return { xsrf, user_code: userCode }
  }
}

async function approve(userCode, user) {
  const browser = new Browser()
  const form = await browser.code(userCode)
  let page = await browser.open(`${issuer}/device`, { ...form, confirm: 'yes' })
  page = await browser.open(page.url, { prompt: 'login', login: user, password: 'any' })
  if (page.url.includes('/interaction/')) page = await browser.open(page.url, { prompt: 'consent' })
  if (!page.text.includes('Sign-in Success')) throw new Error(`${page.url}: ${page.text}`)
}

async function deny(userCode) {
  const browser = new Browser()
  await browser.open(`${issuer}/device`, { ...await browser.code(userCode), abort: 'yes' })
}

// Registers a license server as a confidential client. The provider keeps its key and its sessions.
function register(redirect_uri, logout_uri) {
  web = {
    client_id: 'licenses',
    client_secret: 'secret of the client',
    grant_types: ['authorization_code'],
    response_types: ['code'],
    redirect_uris: [redirect_uri],
    backchannel_logout_uri: logout_uri,
    backchannel_logout_session_required: true,
  }
  return start()
}

// Signs in at the pages of the provider. The browser does not open the answer at the license server.
async function signIn(user, url) {
  const browser = browsers.get(user) ?? new Browser()
  browsers.set(user, browser)
  let page = await browser.open(url)
  while (page.url.includes('/interaction/')) {
    const isLogin = page.text.includes('name="login"')
    const form = isLogin ? { prompt: 'login', login: user, password: 'any' } : { prompt: 'consent' }
    page = await browser.open(page.url, form)
  }
  return { url: page.url }
}

async function signOut(user) {
  const browser = browsers.get(user)
  const page = await browser.open(`${issuer}/session/end?client_id=licenses`)
  const [, xsrf] = /name="xsrf" value="([^"]+)"/.exec(page.text)
  await browser.open(`${issuer}/session/end/confirm`, { xsrf, logout: 'yes' })
}

async function forge({ alg, claims }) {
  const header = { alg, kid: publicJwk.kid }
  if (alg === 'none') return new jose.UnsecuredJWT(claims).encode()
  const key = alg === 'HS256' ? new TextEncoder().encode(publicJwk.n) : privateKey
  return new jose.SignJWT(claims).setProtectedHeader(header).sign(key)
}

async function test(path, query, body) {
  switch (path) {
    case '/test/approve': return approve(query.get('user_code'), query.get('user'))
    case '/test/deny': return deny(query.get('user_code'))
    case '/test/set':
      for (const [name, value] of query) settings[name] = Number(value)
      return
    case '/test/rotate': return start()
    case '/test/client': return register(query.get('redirect_uri'), query.get('logout_uri'))
    case '/test/person':
      groups.set(query.get('user'), query.get('groups').split(',').filter(Boolean))
      return
    case '/test/sign-in': return signIn(query.get('user'), query.get('url'))
    case '/test/sign-out': return signOut(query.get('user'))
    case '/test/count': return count
    case '/test/forge': return { token: await forge(JSON.parse(body)) }
  }
  throw new Error(path)
}

const server = createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url, issuer)
  if (pathname === '/token' && settings.slow_down > 0) {
    settings.slow_down -= 1
    count.slow_down = (count.slow_down ?? 0) + 1
    response.writeHead(400, { 'content-type': 'application/json' })
    response.end('{"error":"slow_down"}')
    return
  }
  if (!pathname.startsWith('/test/')) {
    handle(request, response)
    return
  }
  let body = ''
  for await (const part of request) body += part
  const answer = await test(pathname, searchParams, body).catch((error) => ({ error: error.stack }))
  response.writeHead(answer?.error ? 500 : 200, { 'content-type': 'application/json' })
  response.end(JSON.stringify(answer ?? {}))
})
server.listen(0, '127.0.0.1', async () => {
  issuer = `http://127.0.0.1:${server.address().port}`
  await start()
  console.log(JSON.stringify({ issuer }))
})
// The provider ends with the test that started it.
const parent = process.ppid
setInterval(() => process.ppid === parent || process.exit(), 1000)
