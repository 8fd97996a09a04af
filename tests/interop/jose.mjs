// Loads npm's `jose` from the directory in LICENSE_TESTS_NODE_MODULES. A plain `import` searches only
// the parent directories of this script.

import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const modules = process.env.LICENSE_TESTS_NODE_MODULES
const { resolve } = createRequire(join(modules, 'none.js'))

export const jose = await import(pathToFileURL(resolve('jose')))
