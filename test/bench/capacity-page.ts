import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { formatLines } from './report.ts'
import type { Line } from './report.ts'

const PAGE = 'docs/capacity.md'
const INTRODUCTION = `# Capacity

<!-- Written by \`npm run bench:site -- --write\`: changes here are lost. -->

What one machine does for people who come all at once. Everything runs on it: nginx with TLS, HAProxy, the web
processes, worker, scheduler, PgBouncer, PostgreSQL that waits for its disk, Redis, and what measures, which takes its
share of the processors. A third of the people contribute (newtask and taskrun), the others look around (home, projects, a
project, graphs, leaderboard). Rate limits are off. There is no replica, so that nobody is told the position of what they
wrote, unless a part says otherwise.
`

/** What came of one part of \`npm run bench:site\`. */
export interface Section {
  readonly title: string
  readonly lines: readonly Line[]
}

/**
 * Puts what a part came to into docs/capacity.md; other parts stay there as they were measured last.
 *
 * @param parts all there are, in the page's order.
 * @param conditions what was otherwise than by default; empty when nothing was.
 */
export function writeSection(
  parts: readonly string[],
  part: string,
  { title, lines }: Section,
  conditions: string,
): void {
  const before = existsSync(PAGE) ? readFileSync(PAGE, 'utf8').split(/^(?=## )/m) : []
  const texts = new Map(before.map((text) => [/^## (\w+)/.exec(text)?.[1] ?? '', text.trim()]))
  const [processor] = cpus()
  const day = new Date().toISOString().slice(0, 10)
  const machine = `${cpus().length} processors (${processor?.model.trim() ?? 'unknown'}), ${Math.round(totalmem() / 2 ** 30)} GB`
  const figures = `\`\`\`text\n${formatLines(title, lines).trim()}\n\`\`\``
  texts.set(
    part,
    `## ${part}\n\nMeasured ${day} on ${machine}, Node ${process.versions.node}${conditions}:\n\n${figures}`,
  )
  const sections = parts.flatMap((name) => texts.get(name) ?? [])
  writeFileSync(PAGE, `${[INTRODUCTION.trim(), ...sections].join('\n\n')}\n`)
}
