import type { RequestDb } from '../../platform/database.ts'
import { getTotals } from '../projects/project-service.ts'
import type { Project, ProjectTotals } from '../projects/project-service.ts'
import {
  findProjectFigures,
  listContributorDays,
  listHoursOfDay,
  listProjectDays,
  listSiteDays,
  listTopContributors,
} from './graph-repository.ts'
import type { DayCount, ProjectDay, ProjectFigures, TopContributor } from './graph-repository.ts'
import { listLeaders } from './leader-repository.ts'
import type { Leader } from './leader-repository.ts'
import { countSite, listBusyProjects, listNotedDays } from './site-statistics-repository.ts'
import type { BusyProject, SiteDay, SiteStatistics } from './site-statistics-repository.ts'

export { ACTIVITY } from './activity-repository.ts'
export { GRAPH_DAYS } from './graph-repository.ts'
export { SITE_DAYS } from './site-statistics-repository.ts'

const TOP = 5

/** What a project's graphs show. */
export interface ProjectGraphs extends ProjectFigures {
  totals: ProjectTotals
  /** With the tasks that were done by the end of each day. */
  days: (ProjectDay & { done: number })[]
  contributors: DayCount[]
  hours: DayCount[]
  top: { authenticated: TopContributor[]; anonymous: TopContributor[] }
}

export async function getProjectGraphs(db: RequestDb, { id }: Project): Promise<ProjectGraphs> {
  const [totals, figures, days, contributors, hours, authenticated, anonymous] = await Promise.all([
    getTotals(db, id),
    db.read((reader) => findProjectFigures(reader, id)),
    db.read((reader) => listProjectDays(reader, id)),
    db.read((reader) => listContributorDays(reader, id)),
    db.read((reader) => listHoursOfDay(reader, id)),
    db.read((reader) => listTopContributors(reader, id, 'authenticated', TOP)),
    db.read((reader) => listTopContributors(reader, id, 'anonymous', TOP)),
  ])
  return {
    ...figures,
    totals,
    days: withDone(days, totals.nCompletedTasks),
    contributors,
    hours,
    top: { authenticated, anonymous },
  }
}

/** Counts back from today: tasks may be taken away or opened again, but how many are done now is known. */
function withDone(days: readonly ProjectDay[], doneNow: number): ProjectGraphs['days'] {
  const later = days.map((_, index) =>
    days.slice(index + 1).reduce((sum, { completed }) => sum + completed, 0),
  )
  return days.map((day, index) => ({ ...day, done: Math.max(0, doneNow - (later[index] ?? 0)) }))
}

/** What the site's graphs show. */
export interface SiteGraphs {
  totals: SiteStatistics
  /** Answers. */
  days: DayCount[]
  noted: SiteDay[]
  busyProjects: BusyProject[]
  leaders: Leader[]
}

export async function getSiteGraphs(db: RequestDb, notedDays: number): Promise<SiteGraphs> {
  const [totals, days, noted, busyProjects, leaders] = await Promise.all([
    db.read(countSite),
    db.read(listSiteDays),
    db.read((reader) => listNotedDays(reader, notedDays)),
    db.read((reader) => listBusyProjects(reader, TOP)),
    db.read((reader) => listLeaders(reader, 'day', { from: 1, to: TOP })),
  ])
  return { totals, days, noted, busyProjects, leaders }
}
