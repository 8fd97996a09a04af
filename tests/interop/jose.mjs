// npm's `jose`, from the folder that LICENSE_TESTS_NODE_MODULES names: an `import` looks only above the script itself.

import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const modules = process.env.LICENSE_TESTS_NODE_MODULES
const { resolve } = createRequire(join(modules, 'none.js'))

export const jose = await import(pathToFileURL(resolve('jose')))
