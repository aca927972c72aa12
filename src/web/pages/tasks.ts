import { Router } from '@koa/router'
import { taskThumbnails } from '../../domain/pictures/task-thumbnails.ts'
import type { TaskThumbnail } from '../../domain/pictures/task-thumbnails.ts'
import { listArrivingRuns, listTaskRuns } from '../../domain/task-runs/task-run-service.ts'
import type { TaskRun } from '../../domain/task-runs/task-run-service.ts'
import { countProjectTasks, getTask, listTasks } from '../../domain/tasks/task-service.ts'
import type { TaskFilter, TaskProgress } from '../../domain/tasks/task-service.ts'
import { pathId, queryNumber } from '../../http/request-values.ts'
import type { Context, RequestState } from '../../http/state.ts'
import type { Views } from '../../http/views.ts'
import { NotFoundError } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import { projectCard, projectUrl } from './project-card.ts'
import { ownedProjectOf } from './projects.ts'

const PER_PAGE = 25
const FILTERS: { name: TaskFilter; label: string }[] = [
  { name: 'all', label: 'All tasks' },
  { name: 'ongoing', label: 'Still open' },
  { name: 'completed', label: 'Done' },
  { name: 'untouched', label: 'Without an answer' },
]

/** The owner's view of tasks and of answers as they arrive. */
export function taskRoutes(app: App, views: Views): Router<RequestState> {
  const router = new Router<RequestState>({ prefix: '/project/:shortName' })

  router.get('/tasks/browse', async (ctx) => {
    const owned = await ownedProjectOf(ctx)
    const url = `${projectUrl(owned.project)}tasks/browse`
    const filter = FILTERS.find(({ name }) => name === ctx.query['show'])?.name ?? 'all'
    const lastId = queryNumber(ctx, 'after') ?? 0
    const [counts, page] = await Promise.all([
      countProjectTasks(ctx.state.db, owned.project),
      listTasks(ctx.state.db, owned.project, { filter, lastId, limit: PER_PAGE + 1 }),
    ])
    const shown = page.slice(0, PER_PAGE)
    const last = shown.at(-1)
    const thumbnailOf = await thumbnailsOf(app, ctx, shown)
    views.render(ctx, 'pages/tasks/browse.html', {
      project: projectCard(owned),
      filters: FILTERS.map(({ name, label }) => ({
        name,
        label,
        count: counts[name],
        url: name === 'all' ? url : `${url}?show=${name}`,
        isCurrent: name === filter,
      })),
      tasks: shown.map((task) => ({
        ...task,
        summary: summaryOf(task.info),
        thumbnail: thumbnailOf(task),
      })),
      nextUrl: page.length > PER_PAGE && last ? `${url}?show=${filter}&after=${last.id}` : null,
    })
  })

  router.get('/tasks/:taskId', async (ctx) => {
    const owned = await ownedProjectOf(ctx)
    const taskId = pathId(ctx, 'taskId')
    const task = await getTask(ctx.state.db, taskId)
    if (task.projectId !== owned.project.id) throw new NotFoundError('task', taskId)
    const runs = await listTaskRuns(ctx.state.db, task.id)
    const thumbnailOf = await thumbnailsOf(app, ctx, [task])
    views.render(ctx, 'pages/tasks/show.html', {
      project: projectCard(owned),
      task,
      thumbnail: thumbnailOf(task),
      runs: runs.map(runView),
    })
  })

  router.get('/answers', async (ctx) => {
    const owned = await ownedProjectOf(ctx)
    const before = queryNumber(ctx, 'before')
    const page = await listArrivingRuns(ctx.state.db, owned.project, { before, limit: PER_PAGE + 1 })
    const shown = page.slice(0, PER_PAGE)
    const last = shown.at(-1)
    views.render(ctx, 'pages/task-runs/list.html', {
      project: projectCard(owned),
      runs: shown.map(runView),
      nextUrl:
        page.length > PER_PAGE && last ? `${projectUrl(owned.project)}answers?before=${last.id}` : null,
    })
  })

  return router
}

/** The address of the picture that a task is about, under the key that imports give it. */
function pictureUrlOf(info: unknown): string | undefined {
  const url = typeof info === 'object' && info !== null && 'url' in info ? info.url : undefined
  return typeof url === 'string' ? url : undefined
}

type Pictured = Pick<TaskProgress, 'projectId' | 'info'>

/** What was drawn of the pictures of a project's tasks. */
async function thumbnailsOf(
  app: Pick<App, 'config'>,
  ctx: Context,
  tasks: readonly Pictured[],
): Promise<(task: Pictured) => TaskThumbnail | undefined> {
  const urls = tasks.flatMap(({ info }) => pictureUrlOf(info) ?? [])
  const thumbnails = await taskThumbnails(app, ctx.state.db, tasks[0]?.projectId ?? 0, urls)
  return ({ info }) => thumbnails.get(pictureUrlOf(info) ?? '')
}

/** Who answered, as far as the owner may know. */
function runView(run: TaskRun) {
  const who = run.userName ?? run.externalUid ?? 'without an account'
  return {
    id: run.id,
    taskId: run.taskId,
    who,
    finishTime: run.finishTime,
    info: run.info,
    counted: run.counted,
  }
}

/** The beginning of a task's content in one line. */
function summaryOf(info: unknown): string {
  if (typeof info !== 'object' || info === null) return JSON.stringify(info)
  const parts = Object.entries(info).map(
    ([key, value]) => `${key}: ${typeof value === 'string' ? value : JSON.stringify(value)}`,
  )
  return parts.join(' · ').slice(0, 160)
}
