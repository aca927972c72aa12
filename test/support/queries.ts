import { createServer } from '../../src/web/server.ts'
import type { TestApp } from './app.ts'

export interface PlanNode {
  'Node Type': string
  'Relation Name'?: string
  'Index Name'?: string
  'Index Cond'?: string
  Filter?: string
  Plans?: PlanNode[]
}

export interface PlannedStatement {
  readonly text: string
  readonly plan: PlanNode
}

/** The addresses of all pages and of all routes of the API that are read, with names and numbers put in. */
export async function readablePaths(
  site: TestApp,
  names: Readonly<Record<string, string>>,
): Promise<string[]> {
  const { routes } = await createServer(site.app)
  return routes
    .filter(({ method }) => method === 'GET')
    .map(({ path }) =>
      Object.entries(names).reduce((whole, [name, value]) => whole.replace(name, value), path),
    )
    .map((path) => path.replace(/[:*]\w+/g, '1'))
}

/** Tables that a plan reads. */
export function tablesOf(plan: PlanNode): string[] {
  return [plan['Relation Name'] ?? [], (plan.Plans ?? []).flatMap(tablesOf)].flat()
}

/** A statement whatever its number of values, also of those that are written into its text, as for COPY. */
export function shapeOf(text: string): string {
  return text
    .replace(/(?<![$\w])\d+\b/g, '$n')
    .replace(/\s*\/\* [\w-]+ \*\/\s*$/, '')
    .replace(/\$\d+(, \$\d+)*/g, '$n')
    .replace(/(\(\$n\), )+\(\$n\)/g, '($n)')
}

/** The first statement of each shape. */
export function distinct<S extends { readonly text: string }>(statements: readonly S[]): S[] {
  const first = new Map<string, S>()
  for (const statement of statements) {
    const shape = shapeOf(statement.text)
    if (!first.has(shape)) first.set(shape, statement)
  }
  return [...first.values()]
}

/**
 * docs/queries.md
 *
 * @param isSent tells what the application sends from what functions and triggers do of themselves.
 */
export function queriesPage(
  statements: readonly PlannedStatement[],
  isSent: (statement: PlannedStatement) => boolean,
  { tasks, runs }: { tasks: number; runs: number },
): string {
  return [
    '# Queries',
    '',
    '<!-- Written by `npm run queries`: changes here are lost. -->',
    '',
    'Every statement on a growing table that pages, the API, the worker and the scheduler send when all is read and all is',
    `written once, with the plan that PostgreSQL chose for it with ${tasks.toLocaleString('en')} tasks and ${runs.toLocaleString('en')} task runs. \`npm test\``,
    'does the same with fewer, and fails where one reads such a table from end to end. Tables that do not grow with these',
    '(sessions, mails, webhooks and such) hold few rows here, so that reading them whole may be best; `npm test` forbids that.',
    '',
    '## Sent by the application',
    '',
    ...sectionsOf(statements.filter(isSent)),
    '## Within functions and triggers',
    '',
    'Handing out tasks and taking task runs; the cost of the whole is in [benchmarks.md](benchmarks.md).',
    '',
    ...sectionsOf(statements.filter((statement) => !isSent(statement))),
  ].join('\n')
}

function sectionsOf(statements: readonly PlannedStatement[]): string[] {
  return statements
    .toSorted((a, b) => (tablesOf(a.plan).join() < tablesOf(b.plan).join() ? -1 : 1))
    .map(({ text, plan }) =>
      ['```sql', inLines(text), '```', '', '```text', ...planLines(plan, 0), '```', ''].join('\n'),
    )
}

/** A long statement with a line for each of its parts. */
function inLines(text: string): string {
  return text
    .replace(/\s*\/\* [\w-]+ \*\/\s*$/, '')
    .replace(/\s+/g, ' ')
    .trim()
    .replace(
      / (from|where|order by|limit|left join|inner join|group by|union all|values|returning) /g,
      '\n$1 ',
    )
}

function planLines(node: PlanNode, depth: number): string[] {
  const { 'Index Name': index, 'Relation Name': table } = node
  const where = [
    index === undefined ? '' : ` using ${index}`,
    table === undefined ? '' : ` on ${table}`,
  ].join('')
  return [
    `${'  '.repeat(depth)}${node['Node Type']}${where}`,
    ...(node.Plans ?? []).flatMap((inner) => planLines(inner, depth + 1)),
  ]
}
