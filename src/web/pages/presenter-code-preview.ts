import { findDraft } from '../../domain/presenters/draft-service.ts'
import type { Project } from '../../domain/projects/project-service.ts'
import { findTaskBeside, getTask } from '../../domain/tasks/task-service.ts'
import type { Task } from '../../domain/tasks/task-service.ts'
import { queryNumber } from '../../http/request-values.ts'
import type { Context } from '../../http/state.ts'
import { NotFoundError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import { frameFor } from '../presenter/frame-for.ts'
import type { PresenterFrame } from '../presenter/frame-for.ts'

/** As many tasks as a preview goes through before it begins again. */
const PREVIEW_TASKS = 5

/** What a preview shows: a frame, and the tasks that it goes through. */
interface Preview {
  frame: PresenterFrame
  tasks: Pick<Task, 'id' | 'info'>[]
}

/**
 * The preview that an address asks for: of the draft (or of what people see, without one), with the task `task` first,
 * or with the one before or after it.
 *
 * @throws NotFoundError for a task of another project, or before a project's first and after its last.
 */
export async function previewOf(app: App, ctx: Context, project: Project): Promise<Preview> {
  const draft = await findDraft(ctx.state.db, ctx.state.viewer, project)
  const part = ctx.query['part'] === 'tutorial' ? 'tutorial' : 'presenter'
  const shown = draft
    ? ({ codeDraft: draft.id, part } as const)
    : { version: project.presenterVersionId ?? 0 }
  const first = await chosenTask(ctx, project)
  const tasks = first ? await withFollowing(ctx, project, first) : []
  return {
    frame: await frameFor(app, ctx, project, shown),
    tasks: tasks.map(({ id, info }) => ({ id, info })),
  }
}

async function chosenTask(ctx: Context, project: Project): Promise<Task | undefined> {
  const { db } = ctx.state
  const id = queryNumber(ctx, 'task')
  const step = ctx.query['step']
  if (id === undefined) return findTaskBeside(db, project, 0, 'next')
  if (step !== 'next' && step !== 'previous') {
    const task = await getTask(db, id)
    if (task.projectId !== project.id) throw new NotFoundError('task', id)
    return task
  }
  const task = await findTaskBeside(db, project, id, step)
  if (!task) throw new NotFoundError('task', `${step === 'next' ? 'after' : 'before'} ${id}`)
  return task
}

async function withFollowing(ctx: Context, project: Project, first: Task): Promise<Task[]> {
  const tasks = [first]
  for (let last = first; tasks.length < PREVIEW_TASKS;) {
    const next = await findTaskBeside(ctx.state.db, project, last.id, 'next')
    if (!next) break
    tasks.push(next)
    last = next
  }
  return tasks
}
