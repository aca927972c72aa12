import { Router } from '@koa/router'
import { SCHEDULERS, changeScheduler, updateProject } from '../../domain/projects/project-service.ts'
import type { Project, ProjectWithTotals, Scheduler } from '../../domain/projects/project-service.ts'
import { changeRules } from '../../domain/tasks/rule-service.ts'
import type { RuleEffect } from '../../domain/tasks/rule-service.ts'
import { readForm } from '../../http/form.ts'
import type { Context, RequestState } from '../../http/state.ts'
import type { Views } from '../../http/views.ts'
import { InvalidError } from '../../lib/errors.ts'
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

  router.post('/redundancy', async (ctx) => {
    const owned = await ownedProjectOf(ctx)
    const values = await readForm(ctx)
    const again = (form: FormView) => {
      show(ctx, owned, form)
    }
    await orShowAgain(ctx, values, again, async () => {
      const nAnswers = wholeNumber(values, 'nAnswers')
      const dryRun = values['step'] !== 'do'
      const effect = await changeRules(
        app,
        ctx.state.db,
        ctx.state.viewer,
        owned.project,
        'all',
        { rule: 'redundancy', nAnswers },
        { dryRun, caller: 'web' },
      )
      if (dryRun)
        show(ctx, owned, { values, errors: {} }, { nAnswers, effect, changesNothing: isEmpty(effect) })
      else ctx.redirect(`${projectUrl(owned.project)}tasks/browse`)
    })
  })

  return router
}

interface Tried {
  nAnswers: number
  effect: RuleEffect
  changesNothing: boolean
}

function isEmpty({ nTasks: _, ...counts }: RuleEffect): boolean {
  return Object.values(counts).every((count) => count === 0)
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
    leaseSeconds: Math.round(positiveNumber(values, 'leaseMinutes') * 60),
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

function positiveNumber(values: Record<string, string>, name: string): number {
  const number = Number(values[name]?.trim() || 'none')
  if (!(number > 0)) throw new InvalidError('Some fields need another look.', { [name]: 'Use a number.' })
  return number
}
