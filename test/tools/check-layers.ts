import { checkLayers } from './layers.ts'

/** Fails when a folder imports what it must not know; types count. */
const { modules, imports, violations } = await checkLayers(process.cwd(), ['src', 'jobs', 'test'])
for (const violation of violations) console.log(violation)
console.log(`${modules} modules, ${imports} imports, ${violations.length} against the layers`)
if (violations.length > 0) process.exitCode = 1
