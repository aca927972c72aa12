import { parseArgs } from 'node:util'
import { jobs } from '../../../jobs/index.ts'
import { agrees, checkProjects } from '../../domain/assignment/check-service.ts'
import type { Finding, Problem, ProjectReport } from '../../domain/assignment/check-service.ts'
import { createApp } from '../../platform/app.ts'
import { loadConfig } from '../../platform/config.ts'
import { STATUS, UsageError } from './command.ts'
import type { Command } from './command.ts'

/** What is wrong, and of what the ids are. */
const WORDS: Record<Problem, { what: string; one: string; many: string }> = {
  'no-sched': tasks('no scheduling row'),
  copied: tasks('redundancy, priority or calibration not as in the task (n_answers, nprio, calibrates)'),
  n_runs: tasks('counted task runs (n_runs)'),
  n_extra: tasks('extra task runs (n_extra)'),
  n_taken: tasks('places taken (n_taken)'),
  surplus: tasks('more places taken than wanted'),
  open: tasks('whether a place is free (open)'),
  done_by: tasks('completing task run (done_by)'),
  ord: tasks('order key (ord)'),
  state: tasks('state'),
  result: tasks('result'),
  event: tasks('no completion event'),
  'stray-task_sched': {
    what: 'task is gone',
    one: 'scheduling row of task',
    many: 'scheduling rows of tasks',
  },
  'stray-lease': { what: 'task is gone', one: 'lease of task', many: 'leases of tasks' },
  'stray-result': { what: 'task is gone', one: 'result of task', many: 'results of tasks' },
  'stray-run': { what: 'task is gone', one: 'task run', many: 'task runs' },
  contributor: {
    what: 'counters (n_runs, n_scored, score_sum)',
    one: 'contributor',
    many: 'contributors',
  },
}

function tasks(what: string) {
  return { what, one: 'task', many: 'tasks' }
}

const number = new Intl.NumberFormat('en')

export const checkCommand: Command = {
  name: 'check',
  usage: 'check [--project ID|SHORT_NAME] [--repair]',
  summary:
    'Proves that counters, leases, results, states and totals agree with the rows; --repair mends them.',
  async run(args, env) {
    const { project: only, repair } = parse(args)
    const app = await createApp(loadConfig({ ...env, LOG_LEVEL: env['LOG_LEVEL'] ?? 'error' }), 'check', jobs)
    try {
      const openDb = () => app.database.open({ writes: true })
      const reports: ProjectReport[] = []
      for await (const report of checkProjects(app, openDb, { only, repair })) {
        console.log(projectLine(report, repair))
        reports.push(report)
      }
      if (only !== undefined && reports.length === 0)
        throw new UsageError(`There is no project “${only}”: give its id or its short name.`)
      console.log(summaryLine(reports, repair))
      return reports.every(agrees) ? STATUS.good : STATUS.bad
    } finally {
      await app.close()
    }
  },
}

function parse(args: readonly string[]): { project: string | undefined; repair: boolean } {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { project: { type: 'string' }, repair: { type: 'boolean', default: false } },
  })
  if (positionals.length > 0)
    throw new UsageError(`“${positionals.join(' ')}” is too much: name a project with --project.`)
  if (values.project === '') throw new UsageError('--project needs an id or a short name.')
  return { project: values.project, repair: values.repair }
}

function projectLine(report: ProjectReport, repair: boolean): string {
  const name = `${report.shortName}: ${counted(report.nTasks, 'task', 'tasks')}`
  if (agrees(report)) return `${name}, all agree`
  const parts = [...report.findings].map(([problem, finding]) => findingWords(problem, finding))
  const totals = report.totals ?? []
  parts.push(...totals.map(({ total, kept, actual }) => `total ${total} is ${kept} instead of ${actual}`))
  if (report.totals === undefined)
    parts.push(repair ? 'totals counted anew' : 'totals not compared while these disagree')
  if (report.leftWrong.length > 0)
    parts.push(`still wrong: ${counted(report.leftWrong.length, 'task', 'tasks')} ${few(report.leftWrong)}`)
  return `${name}, ${repair ? 'mended' : 'wrong'}: ${parts.join('; ')}`
}

function findingWords(problem: Problem, { count, firstIds }: Finding): string {
  const { what, one, many } = WORDS[problem]
  return `${what}: ${counted(count, one, many)} ${few(firstIds, count)}`
}

function few(ids: readonly number[], count = ids.length): string {
  const shown = ids.slice(0, 5)
  return `(${shown.join(', ')}${count > shown.length ? ', …' : ''})`
}

function counted(count: number, one: string, many: string): string {
  return `${number.format(count)} ${count === 1 ? one : many}`
}

function summaryLine(reports: readonly ProjectReport[], repair: boolean): string {
  const nTasks = reports.reduce((sum, report) => sum + report.nTasks, 0)
  const all = `${counted(reports.length, 'project', 'projects')}, ${counted(nTasks, 'task', 'tasks')}`
  const nWrong = reports.filter((report) => !agrees(report)).length
  if (nWrong === 0) return `${all}: everything agrees.`
  const wrong = `${all}: ${counted(nWrong, 'project', 'projects')} disagreed`
  if (!repair) return `${wrong}. Mend what is wrong with --repair.`
  const isMended = reports.every(({ leftWrong }) => leftWrong.length === 0)
  return isMended ? `${wrong} and was mended.` : `${wrong}, and not everything could be mended.`
}
