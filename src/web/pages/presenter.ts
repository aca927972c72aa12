import { Router } from '@koa/router'
import { findPresenter, savePresenter, taskColumns } from '../../domain/presenters/presenter-service.ts'
import type { PresenterVersion } from '../../domain/presenters/presenter-service.ts'
import { getTemplate, parseTemplateForm, presenterTemplates } from '../../domain/presenters/templates.ts'
import type { TemplatePresenter } from '../../domain/presenters/templates.ts'
import type { ProjectWithTotals } from '../../domain/projects/project-service.ts'
import { sampleTasks } from '../../domain/tasks/task-service.ts'
import type { Task } from '../../domain/tasks/task-service.ts'
import { leaveFlash } from '../../http/flash.ts'
import { readForm } from '../../http/form.ts'
import type { Context, RequestState } from '../../http/state.ts'
import type { Views } from '../../http/views.ts'
import type { App } from '../../platform/app.ts'
import { frameFor } from '../presenter/frame-for.ts'
import { orShowAgain } from './form-view.ts'
import type { FormView } from './form-view.ts'
import { projectCard, projectUrl } from './project-card.ts'
import { ownedProjectOf } from './projects.ts'

const FIRST_TEMPLATE = 'image-classification'

/** How tasks are presented: choosing a ready template and filling in its form, with a live preview. */
export function presenterRoutes(app: App, views: Views): Router<RequestState> {
  const router = new Router<RequestState>({
    prefix: '/project/:shortName/tasks/taskpresentereditor',
  })

  async function show(
    ctx: Context,
    owned: ProjectWithTotals,
    current: PresenterVersion | undefined,
    form: FormView,
  ) {
    const [samples, columns] = await Promise.all([
      sampleTasks(ctx.state.db, owned.project, 5),
      taskColumns(ctx.state.db, owned.project),
    ])
    const draft = current?.kind === 'template' ? current : draftOf(samples)
    views.render(ctx, 'pages/presenter/edit.html', {
      project: projectCard(owned),
      templates: presenterTemplates.map(({ id, name, description }) => ({ id, name, description })),
      template: draft.template,
      earlierAnswers: owned.project.published ? owned.totals.nTaskRuns + owned.totals.nExtra : 0,
      isCode: current?.kind === 'code',
      form,
      columns,
      samples: samples.map(({ info }) => info),
      frame: await frameFor(app, ctx, owned.project.id, { draft }),
    })
  }

  router.get('/', async (ctx) => {
    const owned = await ownedProjectOf(ctx)
    const current = await findPresenter(ctx.state.db, owned.project.id)
    const shown =
      current?.kind === 'template' ? current : draftOf(await sampleTasks(ctx.state.db, owned.project, 1))
    await show(ctx, owned, current, { values: valuesOf(shown), errors: {} })
  })

  router.post('/', async (ctx) => {
    const owned = await ownedProjectOf(ctx)
    const values = await readForm(ctx)
    const again = async (form: FormView) => {
      await show(ctx, owned, await findPresenter(ctx.state.db, owned.project.id), form)
    }
    await orShowAgain(ctx, values, again, async () => {
      const presenter = parseTemplateForm(values['template'] ?? FIRST_TEMPLATE, values)
      await savePresenter(ctx.state.db, ctx.state.viewer, owned.project, presenter)
      leaveFlash(ctx, app, owned.project.published ? 'question-replaced' : 'question-saved')
      ctx.redirect(`${projectUrl(owned.project)}tasks/`)
    })
  })

  return router
}

/** A template before anything was saved, with the likeliest column of the owner's own tasks. */
function draftOf(samples: readonly Task[]): TemplatePresenter {
  const { defaults } = getTemplate(FIRST_TEMPLATE)
  const { tutorial: _, ...settings } = defaults
  // With tasks that do not tell, the owner chooses.
  const pictureColumn = likelyPicture(samples) ?? (samples.length > 0 ? '' : settings.pictureColumn)
  return {
    kind: 'template',
    template: FIRST_TEMPLATE,
    settings: { ...settings, pictureColumn },
    tutorial: null,
  }
}

function likelyPicture([first]: readonly Task[]): string | undefined {
  const columns = Object.entries(infoOf(first))
  const isPicture = ([, value]: [string, unknown]) =>
    typeof value === 'string' && /\.(jpe?g|png|gif|webp|svg)(\?|$)/i.test(value)
  return columns.find(isPicture)?.[0]
}

function infoOf(task: Task | undefined): Record<string, unknown> {
  const info = task?.info
  return typeof info === 'object' && info !== null && !Array.isArray(info) ? info : {}
}

function valuesOf({ settings, tutorial }: TemplatePresenter): Record<string, string> {
  const { question, choices, pictureColumn } = settings
  return { question, choices: choices.join('\n'), pictureColumn, tutorial: tutorial ?? '' }
}
