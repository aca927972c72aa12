import { STATIC_CHECKS } from './static-checks.ts'
import { runSteps } from './steps.ts'

/** `npm run check`: what can be checked without running the product. Names of checks run only these. */
const names = process.argv.slice(2)
const chosen = STATIC_CHECKS.filter(({ name }) => names.length === 0 || names.includes(name))
if (chosen.length === 0) {
  console.log(`No such check. There are: ${STATIC_CHECKS.map(({ name }) => name).join(', ')}`)
  process.exitCode = 2
} else {
  const results = await runSteps(chosen, 2)
  const failed = results.filter(({ passed }) => !passed)
  console.log(`${results.length - failed.length} passed, ${failed.length} failed, 0 skipped`)
  if (failed.length > 0) process.exitCode = 1
}
