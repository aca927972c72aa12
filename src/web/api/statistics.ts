import { z } from 'zod'
import {
  getProjectStatistics,
  getSiteStatistics,
  listProjectStatistics,
  listStatisticsOf,
} from '../../domain/statistics/statistics-service.ts'
import type { Context } from '../../http/state.ts'
import { refusal } from '../../lib/errors.ts'
import type { App } from '../../platform/app.ts'
import type { Extra } from './resource.ts'
import { defineNoun } from './noun.ts'
import type { Operation } from './operation.ts'
import { toWire, wireTime } from './output.ts'
import { resource } from './resource.ts'
import { integer, jsonObject, number, text } from './values.ts'

const PROJECT_STATISTICS = defineNoun({
  path: 'projectstats',
  className: 'ProjectStats',
  hasOwnership: false,
  parents: { project_id: 'project' },
  listArguments: {
    full: text.meta({ description: 'Without effect: figures by hour, day and person are not kept.' }),
  },
  attributes: {
    id: { field: 'id', schema: integer, use: 'reserved' },
    project_id: { field: 'projectId', schema: integer, use: 'reserved' },
    n_tasks: { field: 'nTasks', schema: integer, use: 'reserved' },
    n_task_runs: { field: 'nTaskRuns', schema: integer, use: 'reserved' },
    n_results: { field: 'nResults', schema: integer, use: 'reserved' },
    n_volunteers: { field: 'nContributors', schema: integer, use: 'reserved' },
    n_completed_tasks: { field: 'nCompletedTasks', schema: integer, use: 'reserved' },
    overall_progress: { field: 'overallProgress', schema: integer, use: 'reserved' },
    average_time: { field: 'averageSeconds', schema: number, use: 'reserved' },
    n_blogposts: { field: 'nBlogposts', schema: integer, use: 'reserved' },
    last_activity: { field: 'lastActivity', schema: text, use: 'reserved' },
    info: { field: 'info', schema: jsonObject, use: 'reserved', isComputed: true },
  },
})

/** /api/projectstats, read only, and /api/globalstats. */
export function statisticsOperations(app: App): Operation[] {
  return [
    ...resource(app, PROJECT_STATISTICS, {
      list: (ctx, query) => listProjectStatistics(ctx.state.db, query),
      read: (ctx, id) => getProjectStatistics(ctx.state.db, ctx.state.viewer, id),
      create: refuse,
      update: refuse,
      remove: refuse,
      show: (_, records) => Promise.resolve(records.map(shown)),
    }),
    {
      method: 'get',
      path: '/globalstats',
      summary: 'What the whole site has',
      shown: GlobalStatistics,
      handle: (ctx) => giveSite(app, ctx),
    },
  ]
}

/** What `stats` adds to projects: their figures. */
export const statisticsOfProjects: Extra = async (ctx, projects) => {
  const ids = projects.map(({ id }) => Number(id))
  const records = await listStatisticsOf(ctx.state.db, ids)
  const byProject = new Map(records.map((record) => [record['projectId'], shown(record)]))
  return projects.map(({ id }) => ({ stats: byProject.get(id) ?? {} }))
}

function shown(record: Record<string, unknown>): Record<string, unknown> {
  const lastActivity = wireTime(record['lastActivity']) ?? '0'
  return {
    ...toWire(record, PROJECT_STATISTICS.names),
    last_activity: lastActivity,
    info: {},
  }
}

function refuse(ctx: Context): never {
  throw refusal(ctx.state.viewer, 'Figures are counted by the server')
}

const GlobalStatistics = z.strictObject({
  n_projects: z.int(),
  n_users: z.int(),
  n_tasks: z.int(),
  n_task_runs: z.int(),
  n_pending_tasks: z.int(),
  n_results: z.int(),
  categories: z.array(z.record(z.string(), z.int())),
})

async function giveSite(app: App, ctx: Context): Promise<void> {
  const site = await getSiteStatistics(app, ctx.state.db)
  ctx.body = {
    n_projects: site.nProjects,
    n_users: site.nUsers,
    n_tasks: site.nWanted,
    n_task_runs: site.nTaskRuns,
    n_pending_tasks: Math.max(0, site.nWanted - site.nTaskRuns),
    n_results: site.nResults,
    categories: [
      ...site.categories.map(({ shortName, n }) => ({ [shortName]: n })),
      { featured: site.nFeatured },
      { draft: site.nDrafts },
    ],
  }
}
