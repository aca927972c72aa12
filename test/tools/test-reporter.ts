import { relative } from 'node:path'
import type { TestEvent } from 'node:test/reporters'
import { inspect, styleText } from 'node:util'
import { outcomeOf, skipReason } from './test-counts.ts'

type Outcome = Extract<TestEvent, { type: 'test:pass' | 'test:fail' }>
type Failure = Extract<TestEvent, { type: 'test:fail' }>['data']

interface FileRun {
  passed: number
  failed: number
  skipped: number
  /** The time of its tests, one after the other. */
  durationMs: number
}

/** A reporter for the whole run: failures in full and skipped tests at once, a line for each file as it ends. */
export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const files = new Map<string, FileRun>()
  for await (const event of events) {
    if (event.type === 'test:stderr' || event.type === 'test:stdout') yield event.data.message
    if (event.type === 'test:pass' || event.type === 'test:fail') yield note(files, event)
    if (event.type === 'test:summary' && event.data.file !== undefined) yield close(files, event.data.file)
  }
  for (const [path, run] of files) yield lineOf(path, run)
}

function close(files: Map<string, FileRun>, file: string): string {
  const path = relative(process.cwd(), file)
  // Files report one after the other: what a support file defined since the last one belongs to this one.
  const runs = [...files].filter(([name]) => name === path || !name.endsWith('.test.ts'))
  for (const [name] of runs) files.delete(name)
  return runs.length > 0 ? lineOf(path, runs.map(([, run]) => run).reduce(sumOf)) : ''
}

function sumOf(one: FileRun, other: FileRun): FileRun {
  return {
    passed: one.passed + other.passed,
    failed: one.failed + other.failed,
    skipped: one.skipped + other.skipped,
    durationMs: one.durationMs + other.durationMs,
  }
}

function note(files: Map<string, FileRun>, event: Outcome): string {
  const { data } = event
  const path = data.file === undefined ? 'outside any file' : relative(process.cwd(), data.file)
  const run = files.get(path) ?? { passed: 0, failed: 0, skipped: 0, durationMs: 0 }
  files.set(path, run)
  if (data.nesting === 0) run.durationMs += data.details.duration_ms
  const outcome = outcomeOf(event)
  if (outcome) run[outcome] += 1
  if (outcome === 'skipped') {
    return `${styleText('yellow', 'skip')} ${path}: ${data.name}: ${skipReason(data) ?? ''}\n`
  }
  return event.type === 'test:fail' && outcome === 'failed' ? failureText(path, event.data) : ''
}

function failureText(path: string, { name, details }: Failure): string {
  const text = inspect(causeOf(details.error), { depth: 6 }).replace(/^/gm, '     ')
  return `${styleText('red', 'FAIL')} ${path}: ${name}\n${text}\n`
}

function lineOf(path: string, { passed, failed, skipped, durationMs }: FileRun): string {
  const mark = failed > 0 ? styleText('red', 'FAIL') : styleText('green', 'ok  ')
  const seconds = `${(durationMs / 1000).toFixed(1)} s`.padStart(8)
  const others = [failed > 0 ? `, ${failed} failed` : '', skipped > 0 ? `, ${skipped} skipped` : ''].join('')
  return `${mark} ${path.padEnd(52)}${seconds}${String(passed).padStart(5)} passed${others}\n`
}

/** The runner wraps what a test threw; not everything that fails was thrown. Of a file's process it says how it ended. */
function causeOf(error: Error & { exitCode?: number | null; signal?: string | null }): unknown {
  const { cause = error, exitCode, signal } = error
  return exitCode === undefined ? cause : { cause, exitCode, signal }
}
