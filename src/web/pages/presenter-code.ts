import { Router } from '@koa/router'
import { checkCode } from '../../domain/presenters/code-check.ts'
import type { CheckedFor, CodeWarning } from '../../domain/presenters/code-check.ts'
import {
  discardDraft,
  findDraft,
  publishDraft,
  saveDraft,
  startDraft,
} from '../../domain/presenters/draft-service.ts'
import type { DraftOrigin, DraftText, PresenterDraft } from '../../domain/presenters/draft-service.ts'
import { findPresenter, taskColumns } from '../../domain/presenters/presenter-service.ts'
import type { PresenterVersion } from '../../domain/presenters/presenter-service.ts'
import { starterCode } from '../../domain/presenters/starter-code.ts'
import type { Project, ProjectWithTotals } from '../../domain/projects/project-service.ts'
import { leaveFlash } from '../../http/flash.ts'
import { readForm } from '../../http/form.ts'
import type { Context, RequestState } from '../../http/state.ts'
import type { Views } from '../../http/views.ts'
import { AppError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import { frameOrigin } from '../presenter/frame-for.ts'
import { delegatePermissions } from '../presenter/frame-permissions.ts'
import { orShowAgain } from './form-view.ts'
import type { FormView } from './form-view.ts'
import { previewOf } from './presenter-code-preview.ts'
import { projectCard, projectUrl } from './project-card.ts'
import { ownedProjectOf } from './projects.ts'

/** A form sends a character in up to nine bytes: what is longer than allowed is still told so in its own words. */
const CODE_FORM_BYTES_MAX = 20 * 1024 * 1024
const NO_ERRORS = {}

/** Writing a presenter: the editor, its draft, its preview, and publishing. */
export function presenterCodeRoutes(app: App, views: Views): Router<RequestState> {
  const router = new Router<RequestState>({
    prefix: '/project/:shortName/tasks/taskpresentereditor/code',
  })

  async function show(ctx: Context, owned: ProjectWithTotals, typed?: FormView) {
    const { db, viewer } = ctx.state
    const { project } = owned
    const [draft, current] = await Promise.all([
      findDraft(db, viewer, project),
      findPresenter(db, project.id),
    ])
    const text = draft ?? (await firstText(ctx, project, current))
    const origin = draft ?? { revision: 0, baseVersionId: current?.id ?? null }
    // Whoever was told of another text has seen it: pressing again replaces it.
    const seen = typed ? { revision: draft?.revision ?? 0, baseVersionId: current?.id ?? null } : origin
    const values = { ...formValues(text, seen), ...typed?.values, ...fieldsOf(seen) }
    // The preview comes later, and has what this page has.
    delegatePermissions(ctx, project.framePermissions, frameOrigin(app, ctx, project))
    views.render(ctx, 'pages/presenter/code.html', {
      project: projectCard(owned),
      form: { values, errors: typed?.errors ?? NO_ERRORS },
      draft: draft && { id: draft.id, updated: draft.updated },
      current: current && { id: current.id, kind: current.kind },
      newer: draft && current && draft.baseVersionId !== current.id ? current.id : null,
      isExample: !draft && current?.kind !== 'code',
      warnings: warningsOf(ctx, project, values),
    })
  }

  /** The code that people see, or an example of our own. */
  async function firstText(
    ctx: Context,
    project: Project,
    current: PresenterVersion | undefined,
  ): Promise<DraftText> {
    if (current?.kind === 'code') return { code: current.code, tutorial: current.tutorial ?? '' }
    const columns = await taskColumns(ctx.state.db, project)
    const column = columns.find((name) => /pic|image|img|photo|url|link/i.test(name)) ?? columns[0]
    return { code: starterCode(project.shortName, column ?? 'picture'), tutorial: '' }
  }

  function warningsOf(ctx: Context, project: Project, { code, tutorial }: DraftText): ListedWarning[] {
    const hasOwnHosts = frameOrigin(app, ctx, project) !== 'null'
    const of = (part: CheckedFor['part'], text: string) =>
      checkCode(text, { shortName: project.shortName, part, hasOwnHosts }).map((found) => ({
        part,
        ...found,
      }))
    return [...of('presenter', code), ...of('tutorial', tutorial)]
  }

  router.get('/', async (ctx) => {
    await show(ctx, await ownedProjectOf(ctx))
  })

  router.post('/', async (ctx) => {
    const owned = await ownedProjectOf(ctx)
    const values = await readForm(ctx, CODE_FORM_BYTES_MAX)
    const { db, viewer } = ctx.state
    const { project } = owned
    const again = (form: FormView) => show(ctx, owned, form)
    await orShowAgain(ctx, values, again, async () => {
      if (values['step'] === 'save') {
        const { isSaved } = await saveDraft(db, viewer, project, textIn(values), originIn(values))
        if (!isSaved) throw new AppError('conflict', CHANGED_ELSEWHERE)
        ctx.redirect(codeUrl(project))
        return
      }
      const written = { ...textIn(values), note: values['note'] ?? '' }
      await publishDraft(db, viewer, project, written, originIn(values))
      leaveFlash(ctx, app, project.published ? 'question-replaced' : 'question-saved')
      ctx.redirect(`${projectUrl(project)}tasks/taskpresentereditor/versions`)
    })
  })

  // What the page's script keeps while somebody writes.
  router.post('/draft', async (ctx) => {
    const { project } = await ownedProjectOf(ctx)
    const values = await readForm(ctx, CODE_FORM_BYTES_MAX)
    const { db, viewer } = ctx.state
    const text = textIn(values)
    const { isSaved, draft } = await saveDraft(db, viewer, project, text, originIn(values))
    ctx.set('Cache-Control', 'private, no-store')
    ctx.status = isSaved ? 200 : 409
    ctx.body = isSaved
      ? { revision: draft?.revision ?? 0, updated: draft?.updated, warnings: warningsOf(ctx, project, text) }
      : { description: CHANGED_ELSEWHERE, draft: draft ? shownDraft(draft) : null }
  })

  // Code from elsewhere, such as that of a template, to go on with.
  router.post('/start', async (ctx) => {
    const { project } = await ownedProjectOf(ctx)
    const values = await readForm(ctx, CODE_FORM_BYTES_MAX)
    await startDraft(ctx.state.db, ctx.state.viewer, project, textIn(values))
    ctx.redirect(codeUrl(project))
  })

  router.post('/discard', async (ctx) => {
    const owned = await ownedProjectOf(ctx)
    const values = await readForm(ctx)
    const { revision } = originIn(values)
    const again = ({ errors }: FormView) => show(ctx, owned, { values: {}, errors })
    await orShowAgain(ctx, values, again, async () => {
      await discardDraft(ctx.state.db, ctx.state.viewer, owned.project, revision)
      ctx.redirect(codeUrl(owned.project))
    })
  })

  router.get('/preview', async (ctx) => {
    const { project } = await ownedProjectOf(ctx)
    ctx.set('Cache-Control', 'private, no-store')
    ctx.body = await previewOf(app, ctx, project)
  })

  return router
}

const CHANGED_ELSEWHERE =
  'This draft was changed in another window. Your text stands here as you wrote it: compare the two, then save again to keep yours.'

type ListedWarning = CodeWarning & { part: CheckedFor['part'] }

function codeUrl(project: Project): string {
  return `${projectUrl(project)}tasks/taskpresentereditor/code`
}

function textIn({ code = '', tutorial = '' }: Record<string, string>): DraftText {
  return { code, tutorial }
}

/** A window that says nothing has seen nothing. */
function originIn({ revision = '', base = '' }: Record<string, string>): DraftOrigin {
  return { revision: wholeNumber(revision) ?? 0, baseVersionId: wholeNumber(base) ?? null }
}

function wholeNumber(text: string): number | undefined {
  return /^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined
}

function fieldsOf({ revision, baseVersionId }: DraftOrigin): { revision: string; base: string } {
  return { revision: String(revision), base: String(baseVersionId ?? '') }
}

function formValues({ code, tutorial }: DraftText, origin: DraftOrigin) {
  return { code, tutorial, note: '', ...fieldsOf(origin) }
}

function shownDraft({ revision, updated, code, tutorial }: PresenterDraft) {
  return { revision, updated, code, tutorial }
}
