import { cruise } from 'dependency-cruiser'
import type { ICruiseResult } from 'dependency-cruiser'
import { layerRules } from './layers.ts'

/** Fails when a folder imports what it must not know; types count. */
const { output } = await cruise(
  ['src', 'jobs', 'test'],
  {
    ruleSet: { forbidden: layerRules() },
    validate: true,
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '\\.(?:css|html|woff2|svg)$' },
    outputType: 'json',
    combinedDependencies: false,
  },
  {
    extensions: ['.ts', '.js', '.json', '.d.ts', '.mts', '.d.mts'],
    exportsFields: ['exports'],
    conditionNames: ['node', 'import', 'types', 'default'],
  },
)
const { summary } = (typeof output === 'string' ? JSON.parse(output) : output) as ICruiseResult
for (const { from, to, rule, cycle } of summary.violations) {
  console.log(`${from} → ${cycle ? cycle.map(({ name }) => name).join(' → ') : to}: ${rule.name}`)
}
console.log(
  `${summary.totalCruised} modules, ${summary.totalDependenciesCruised ?? 0} imports, ${summary.violations.length} against the layers`,
)
if (summary.violations.length > 0) process.exitCode = 1
