import type { Project } from './project-repository.ts'

/** As much of a signed-in person as the rules about projects need. */
export interface ProjectViewer {
  readonly id: number
  readonly isAdmin: boolean
}

export type MaybeViewer = ProjectViewer | undefined

/** Owners and admins change a project and see all of it. */
export function mayEditProject(
  viewer: MaybeViewer,
  project: { readonly ownerIds: readonly number[] },
): boolean {
  return viewer !== undefined && (viewer.isAdmin || project.ownerIds.includes(viewer.id))
}

/** A draft is its owners' business. */
export function mayReadProject(
  viewer: MaybeViewer,
  project: Pick<Project, 'ownerIds' | 'published'>,
): boolean {
  return project.published || mayEditProject(viewer, project)
}
