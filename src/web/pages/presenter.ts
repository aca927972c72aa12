import { Router } from '@koa/router'
import { findPresenter, savePresenter, taskColumns } from '../../domain/presenters/presenter-service.ts'
import type { PresenterVersion } from '../../domain/presenters/presenter-service.ts'
import { codeOfTemplate } from '../../domain/presenters/template-code.ts'
import { getTemplate, parseTemplateForm } from '../../domain/presenters/templates.ts'
import type { ProjectWithTotals } from '../../domain/projects/project-service.ts'
import { createTasks } from '../../domain/tasks/bulk-service.ts'
import { sampleTasks } from '../../domain/tasks/task-service.ts'
import { leaveFlash } from '../../http/flash.ts'
import { readForm } from '../../http/form.ts'
import type { Context, RequestState } from '../../http/state.ts'
import type { Views } from '../../http/views.ts'
import type { JsonObject } from '../../lib/bridge.ts'
import { findTemplate, readyTemplates } from '../../lib/templates/index.ts'
import { defaultSettings, formValues, readSettings } from '../../lib/templates/settings.ts'
import type { ReadyTemplate } from '../../lib/templates/template.ts'
import type { App } from '../../platform/app.ts'
import type { Json } from '../../platform/schema.ts'
import { frameFor } from '../presenter/frame-for.ts'
import { orShowAgain } from './form-view.ts'
import type { FormView } from './form-view.ts'
import { projectCard, projectUrl } from './project-card.ts'
import { ownedProjectOf } from './projects.ts'
import { editedValues, fieldViews, firstSettings, sampleColumns } from './template-form.ts'
import { templateSamples } from './template-samples.ts'

const FIRST_TEMPLATE = 'image-classification'
const PREVIEWED_MAX = 5
/** Answers wanted for each sample task: an owner trying things out is alone. */
const SAMPLE_REDUNDANCY = 3

/** How tasks are presented: choosing a ready template and filling in its form, with a live preview. */
export function presenterRoutes(app: App, views: Views): Router<RequestState> {
  const router = new Router<RequestState>({
    prefix: '/project/:shortName/tasks/taskpresentereditor',
  })

  async function show(ctx: Context, edited: Edited, form: FormView & { values: Record<string, string> }) {
    const { owned, template, current, ownTasks } = edited
    const columns = await taskColumns(ctx.state.db, owned.project)
    const samples = await templateSamples(app, template)
    const triesSamples = ownTasks.length === 0 || ctx.query['with'] === 'samples'
    views.render(ctx, 'pages/presenter/edit.html', {
      project: projectCard(owned),
      templates: readyTemplates.map(({ id, name, description, icon }) => ({ id, name, description, icon })),
      template: { id: template.id, name: template.name },
      earlierAnswers: owned.project.published ? owned.totals.nTaskRuns + owned.totals.nExtra : 0,
      isCode: current?.kind === 'code',
      form,
      fields: fieldViews(template, form),
      columns,
      hasTasks: ownTasks.length > 0,
      triesSamples,
      sampleCount: samples.length,
      samples: triesSamples ? samples.slice(0, PREVIEWED_MAX) : ownTasks,
      sampleColumns: triesSamples ? sampleColumns(template) : {},
      frame: await frameFor(app, ctx, owned.project, {
        draft: {
          kind: 'template',
          template: template.id,
          settings: defaultSettings(template),
          tutorial: null,
        },
      }),
    })
  }

  async function editedProject(ctx: Context, templateId: string | undefined): Promise<Edited> {
    const owned = await ownedProjectOf(ctx)
    const [current, tasks] = await Promise.all([
      findPresenter(ctx.state.db, owned.project.id),
      sampleTasks(ctx.state.db, owned.project, PREVIEWED_MAX),
    ])
    const ofCurrent = current?.kind === 'template' ? findTemplate(current.template) : undefined
    return {
      owned,
      current,
      ownTasks: tasks.map(({ info }) => info),
      template:
        templateId === undefined ? (ofCurrent ?? getTemplate(FIRST_TEMPLATE)) : getTemplate(templateId),
    }
  }

  router.get('/', async (ctx) => {
    const { template: chosen } = ctx.query
    const edited = await editedProject(ctx, typeof chosen === 'string' ? chosen : undefined)
    const { template, current } = edited
    const values = { ...formValues(template, shownSettings(edited)), tutorial: current?.tutorial ?? '' }
    await show(ctx, edited, { values, errors: {} })
  })

  router.post('/', async (ctx) => {
    const values = await readForm(ctx)
    const { template: id = FIRST_TEMPLATE, edit } = values
    if (edit !== undefined) {
      const edited = await editedProject(ctx, id)
      await show(ctx, edited, { values: editedValues(edited.template, values, edit), errors: {} })
      return
    }
    const owned = await ownedProjectOf(ctx)
    const again = async ({ errors }: FormView) => {
      await show(ctx, await editedProject(ctx, id), { values, errors })
    }
    await orShowAgain(ctx, values, again, async () => {
      await savePresenter(ctx.state.db, ctx.state.viewer, owned.project, parseTemplateForm(id, values))
      leaveFlash(ctx, app, owned.project.published ? 'question-replaced' : 'question-saved')
      ctx.redirect(`${projectUrl(owned.project)}tasks/`)
    })
  })

  router.post('/template-code', async (ctx) => {
    const values = await readForm(ctx)
    const { template: id = FIRST_TEMPLATE, confirm, ...kept } = values
    const { project, ...owned } = await ownedProjectOf(ctx)
    const again = async ({ errors }: FormView) => {
      await show(ctx, await editedProject(ctx, id), { values, errors })
    }
    await orShowAgain(ctx, values, again, async () => {
      const presenter = parseTemplateForm(id, values)
      const code = codeOfTemplate(presenter, project.shortName)
      if (confirm === undefined) {
        views.render(ctx, 'pages/presenter/template-code.html', {
          project: projectCard({ project, ...owned }),
          template: { id, name: getTemplate(id).name },
          code,
          tutorial: presenter.tutorial,
          kept: Object.entries({ template: id, ...kept }),
        })
        return
      }
      const { tutorial } = presenter
      await savePresenter(ctx.state.db, ctx.state.viewer, project, { kind: 'code', code, tutorial })
      leaveFlash(ctx, app, project.published ? 'question-replaced' : 'question-saved')
      ctx.redirect(`${projectUrl(project)}tasks/`)
    })
  })

  router.post('/samples', async (ctx) => {
    const { template: id = FIRST_TEMPLATE } = await readForm(ctx)
    const { project } = await ownedProjectOf(ctx)
    const template = getTemplate(id)
    const tasks = (await templateSamples(app, template)).map((info) => ({
      info,
      nAnswers: SAMPLE_REDUNDANCY,
    }))
    await createTasks(ctx.state.db, ctx.state.viewer, project, tasks)
    leaveFlash(ctx, app, 'samples-added', { count: String(tasks.length) })
    ctx.redirect(
      `${projectUrl(project)}tasks/taskpresentereditor?template=${encodeURIComponent(template.id)}`,
    )
  })

  return router
}

interface Edited {
  owned: ProjectWithTotals
  template: ReadyTemplate
  current: PresenterVersion | undefined
  /** The infos of the first tasks. */
  ownTasks: Json[]
}

/** What was saved; of another template the words that all templates have. */
function shownSettings({ template, current, ownTasks }: Edited): JsonObject {
  if (current?.kind !== 'template') return firstSettings(template, ownTasks)
  if (current.template === template.id) return { ...readSettings(template, current.settings) }
  const { question = '', instructions = '', commentBox = false } = current.settings
  return { ...firstSettings(template, ownTasks), question, instructions, commentBox }
}
