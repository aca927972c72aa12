import { cruise } from 'dependency-cruiser'
import type { ICruiseResult, IForbiddenRuleType } from 'dependency-cruiser'

/**
 * The layers, top to bottom: a folder imports from the lines below it, never up, never from its own line's other
 * folders. `http` has a line of its own because the domain and the jobs, which stand lower or elsewhere, know no HTTP.
 */
const LAYERS: readonly (readonly string[])[] = [
  ['src/bin'],
  ['src/web', 'src/deploy', 'jobs'],
  ['src/http'],
  ['src/importers', 'src/exporters'],
  ['src/domain'],
  ['src/platform'],
  ['src/lib'],
]

/** What the line order allows and the house does not. */
const STRANGERS: readonly { readonly from: string; readonly to: readonly string[]; readonly why: string }[] =
  [
    {
      from: 'src/http',
      to: ['src/importers', 'src/exporters', 'src/domain'],
      why: 'http knows no noun of ours',
    },
    {
      from: 'src/deploy',
      to: ['src/importers', 'src/exporters', 'src/domain'],
      why: 'deploy knows no noun of ours',
    },
    { from: 'jobs', to: ['src/http'], why: 'jobs know no HTTP' },
  ]

/** Folders beside the layers: who may import them, and what they may import of ours. */
const ASIDE: readonly {
  readonly folder: string
  readonly by: readonly string[]
  readonly from: readonly string[]
}[] = [
  { folder: 'src/browser', by: [], from: ['src/lib'] },
  { folder: 'src/demo', by: ['src/bin'], from: [] },
]

/** Packages that only some folders know. */
const PACKAGES: readonly { readonly names: readonly string[]; readonly by: readonly string[] }[] = [
  { names: ['pg', 'pg-copy-streams', 'ioredis', 'bullmq'], by: ['src/platform', 'src/bin'] },
  { names: ['koa', '@koa/router', 'koa-helmet'], by: ['src/http', 'src/web', 'src/deploy', 'src/bin'] },
]

/** Our module over packages of that kind: loaded late itself, so that it imports them like any other. */
const LOADED_LATE = '^src/platform/s3\\.ts$'
/** What takes megabytes and most processes never use: imported where it is used. */
const HEAVY = ['node_modules/(?:imapflow|sharp|@aws-sdk|@tus/s3-store)/', LOADED_LATE]

const inFolders = (folders: readonly string[]) => `^(?:${folders.join('|')})/`
const ours = '^(?:src|jobs)/'

/** The house's rules for dependency-cruiser, where types count as imports. */
function layerRules(): IForbiddenRuleType[] {
  return [
    ...layerOrder(),
    ...strangers(),
    ...foldersAside(),
    ...packages(),
    ...heavyPackages(),
    ...domainRules(),
    ...generalRules(),
  ]
}

function layerOrder(): IForbiddenRuleType[] {
  return LAYERS.flatMap((line, index) =>
    line.map((folder) => {
      const above = LAYERS.slice(0, index).flat()
      const beside = line.filter((other) => other !== folder)
      return forbid(`${folder}-imports-down-only`, inFolders([folder]), [...above, ...beside])
    }),
  ).filter((rule) => rule !== undefined)
}

function strangers(): IForbiddenRuleType[] {
  return STRANGERS.flatMap(
    ({ from, to, why }) =>
      forbid(`${from}-imports-what-it-must-not, for ${why}`, inFolders([from]), to) ?? [],
  )
}

function forbid(name: string, from: string, folders: readonly string[]): IForbiddenRuleType | undefined {
  if (folders.length === 0) return undefined
  return { name, severity: 'error', from: { path: from }, to: { path: inFolders(folders) } }
}

function foldersAside(): IForbiddenRuleType[] {
  return ASIDE.flatMap(({ folder, by, from }) => [
    {
      name: `${folder}-is-imported-by-${by.join('-and-') || 'nobody'}`,
      severity: 'error',
      from: { path: ours, pathNot: inFolders([folder, ...by]) },
      to: { path: inFolders([folder]) },
    },
    {
      name: `${folder}-imports-${from.join('-and-') || 'nothing'}`,
      severity: 'error',
      from: { path: inFolders([folder]) },
      to: { path: ours, pathNot: inFolders([folder, ...from]) },
    },
  ])
}

function packages(): IForbiddenRuleType[] {
  return PACKAGES.map(({ names, by }) => ({
    name: `${names.join('-')}-only-in-${by.join('-')}`,
    severity: 'error',
    from: { path: ours, pathNot: inFolders(by) },
    to: { path: `node_modules/(?:@types/)?(?:${names.join('|')})/` },
  }))
}

function heavyPackages(): IForbiddenRuleType[] {
  return [
    {
      name: 'heavy-packages-are-imported-where-they-are-used',
      severity: 'error',
      from: { path: ours, pathNot: LOADED_LATE },
      to: { path: HEAVY, dynamic: false, dependencyTypesNot: ['type-only'] },
    },
  ]
}

function domainRules(): IForbiddenRuleType[] {
  return [
    {
      name: 'one-noun-never-uses-another-nouns-repository',
      severity: 'error',
      from: { path: '^src/domain/([^/]+)/' },
      to: { path: '^src/domain/[^/]+/.+-repository\\.ts$', pathNot: '^src/domain/$1/' },
    },
  ]
}

function generalRules(): IForbiddenRuleType[] {
  return [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'everything-resolves', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'nothing-imports-tests',
      severity: 'error',
      from: { path: ours },
      to: { path: '^test/' },
    },
    {
      name: 'no-development-packages-in-the-product',
      severity: 'error',
      from: { path: ours },
      to: { dependencyTypes: ['npm-dev', 'npm-unknown', 'npm-no-pkg'], dependencyTypesNot: ['type-only'] },
    },
  ]
}

export interface LayerReport {
  readonly modules: number
  readonly imports: number
  /** One sentence for each import that breaks a rule. */
  readonly violations: readonly string[]
}

/** Follows every import of the folders, and holds them against the rules. */
export async function checkLayers(baseDir: string, folders: string[]): Promise<LayerReport> {
  const { output } = await cruise(
    folders,
    {
      baseDir,
      ruleSet: { forbidden: layerRules() },
      validate: true,
      tsPreCompilationDeps: true,
      doNotFollow: { path: 'node_modules' },
      exclude: { path: '\\.(?:css|html|woff2|svg)$' },
      outputType: 'json',
    },
    {
      extensions: ['.ts', '.js', '.json', '.d.ts', '.mts', '.d.mts'],
      exportsFields: ['exports'],
      conditionNames: ['node', 'import', 'types', 'default'],
    },
  )
  const { summary } = (typeof output === 'string' ? JSON.parse(output) : output) as ICruiseResult
  return {
    modules: summary.totalCruised,
    imports: summary.totalDependenciesCruised ?? 0,
    violations: summary.violations.map(({ from, to, rule, cycle }) => {
      const path = cycle ? cycle.map(({ name }) => name).join(' → ') : to
      return `${from} → ${path}: ${rule.name}`
    }),
  }
}
