import { Router } from '@koa/router'
import { SCHEDULERS, changeScheduler, updateProject } from '../../domain/projects/project-service.ts'
import type { Project, ProjectWithTotals, Scheduler } from '../../domain/projects/project-service.ts'
import { changeRules, listRunsOf } from '../../domain/tasks/rule-service.ts'
import type { RuleChange, RuleEffect } from '../../domain/tasks/rule-service.ts'
import { readForm } from '../../http/form.ts'
import type { Context, RequestState } from '../../http/state.ts'
import type { Views } from '../../http/views.ts'
import { InvalidError, NotFoundError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import { orShowAgain } from './form-view.ts'
import type { FormView } from './form-view.ts'
import { projectCard, projectUrl } from './project-card.ts'
import { ownedProjectOf } from './projects.ts'

/** Names that mean something different here; `default` and `locked` are depth first. */
const OFFERED: readonly Scheduler[] = [
  'depth_first',
  'breadth_first',
  'random',
  'depth_first_all',
  'incremental',
]

/** By which rules a project's tasks are handed out and finished. */
export function ruleRoutes(app: App, views: Views): Router<RequestState> {
  const router = new Router<RequestState>({ prefix: '/project/:shortName/tasks/rules' })

  function show(ctx: Context, owned: ProjectWithTotals, form: FormView, tried?: Tried) {
    views.render(ctx, 'pages/projects/rules.html', {
      project: projectCard(owned),
      form: { values: { ...valuesOf(owned.project), ...form.values }, errors: form.errors },
      schedulers: OFFERED,
      tried,
      isQueued: ctx.query['queued'] !== undefined,
    })
  }

  router.get('/', async (ctx) => {
    show(ctx, await ownedProjectOf(ctx), { values: {}, errors: {} })
  })

  router.post('/', async (ctx) => {
    const owned = await ownedProjectOf(ctx)
    const values = await readForm(ctx)
    const again = (form: FormView) => {
      show(ctx, owned, form)
    }
    await orShowAgain(ctx, values, again, async () => {
      const { scheduler, ...changes } = settingsIn(values)
      const { db, viewer } = ctx.state
      if (scheduler === schedulerOf(owned.project)) {
        await updateProject(db, viewer, owned.project, changes, 'web')
      } else {
        await changeScheduler(app, db, viewer, owned.project, scheduler, { caller: 'web', changes })
      }
      ctx.redirect(`${projectUrl(owned.project)}tasks/rules`)
    })
  })

  router.post('/:rule', async (ctx) => {
    const rule = RULES.find((name) => name === ctx.params['rule'])
    if (!rule) throw new NotFoundError('rule', ctx.params['rule'] ?? '')
    const owned = await ownedProjectOf(ctx)
    const values = await readForm(ctx)
    const again = (form: FormView) => {
      show(ctx, owned, form)
    }
    await orShowAgain(ctx, values, again, async () => {
      const { db, viewer } = ctx.state
      const tasks = tasksIn(values, rule)
      const change =
        rule === 'withdraw-runs'
          ? { rule, runIds: await listRunsOf(db, viewer, owned.project, tasks === 'all' ? [] : tasks) }
          : changeIn(values, rule)
      const dryRun = values['step'] !== 'do'
      const options = { dryRun, caller: 'web' } as const
      const effect = await changeRules(app, db, viewer, owned.project, tasks, change, options)
      if (dryRun) show(ctx, owned, { values, errors: {} }, { rule, effect, changesNothing: isEmpty(effect) })
      else if (effect.isQueued) ctx.redirect(`${projectUrl(owned.project)}tasks/rules?queued=yes`)
      else ctx.redirect(`${projectUrl(owned.project)}tasks/browse`)
    })
  })

  return router
}

const RULES = ['redundancy', 'priority', 'state', 'calibration', 'withdraw-runs'] as const
type Rule = (typeof RULES)[number]

interface Tried {
  rule: Rule
  effect: RuleEffect
  changesNothing: boolean
}

function isEmpty(effect: RuleEffect): boolean {
  const { nClosed, nReopened, nBecameExtra, nBecameCounted, nPlacesBack, nWithdrawn } = effect
  return nClosed + nReopened + nBecameExtra + nBecameCounted + nPlacesBack + nWithdrawn === 0
}

/** Where whole projects make no sense, some tasks must be named. */
const NEEDS_TASKS: ReadonlySet<Rule> = new Set(['calibration', 'withdraw-runs'])

/** The tasks that are named in the rule's own field: ids with anything between them. */
function tasksIn(values: Record<string, string>, rule: Rule): number[] | 'all' {
  const name = `${rule}-tasks`
  const text = values[name]?.trim() ?? ''
  if (text === '' && !NEEDS_TASKS.has(rule)) return 'all'
  if (!/^\d{1,15}([\s,;]+\d{1,15})*$/.test(text))
    throw new InvalidError('Some fields need another look.', {
      [name]: 'Write the numbers of tasks with commas between them.',
    })
  return text.split(/[\s,;]+/).map(Number)
}

function changeIn(values: Record<string, string>, rule: Exclude<Rule, 'withdraw-runs'>): RuleChange {
  switch (rule) {
    case 'redundancy':
      return { rule, nAnswers: wholeNumber(values, 'nAnswers') }
    case 'priority':
      return { rule, priority: numberIn(values, 'priority') }
    case 'state':
      return { rule, state: values['state'] === 'ongoing' ? 'ongoing' : 'completed' }
    case 'calibration':
      return { rule, calibration: values['calibration'] === '0' ? 0 : 1 }
  }
}

function schedulerOf({ scheduler }: Project): Scheduler {
  const known = SCHEDULERS.find((name) => name === scheduler) ?? 'default'
  return OFFERED.includes(known) ? known : 'depth_first'
}

function valuesOf(project: Project): Record<string, string> {
  return {
    scheduler: schedulerOf(project),
    leaseMinutes: String(project.leaseSeconds / 60),
    undoSeconds: String(project.undoSeconds),
    calibrationPercent: String(Math.round(project.calibrationRate * 100)),
  }
}

function settingsIn(values: Record<string, string>) {
  const scheduler = OFFERED.find((name) => name === values['scheduler'])
  if (!scheduler)
    throw new InvalidError('Some fields need another look.', { scheduler: 'Choose one of the orders.' })
  return {
    scheduler,
    leaseSeconds: Math.round(numberIn(values, 'leaseMinutes') * 60),
    undoSeconds: wholeNumber(values, 'undoSeconds'),
    calibrationRate: wholeNumber(values, 'calibrationPercent') / 100,
  }
}

function wholeNumber(values: Record<string, string>, name: string): number {
  const text = values[name]?.trim() ?? ''
  if (!/^\d{1,6}$/.test(text))
    throw new InvalidError('Some fields need another look.', { [name]: 'Use a whole number.' })
  return Number(text)
}

function numberIn(values: Record<string, string>, name: string): number {
  const number = Number(values[name]?.trim() || 'none')
  if (Number.isNaN(number))
    throw new InvalidError('Some fields need another look.', { [name]: 'Use a number.' })
  return number
}
