import { tableOf } from '../../platform/row-store.ts'
import type { Table } from '../../platform/row-store.ts'
import type { JsonObject } from '../../platform/schema.ts'

/** What all contents have. */
export interface Content {
  id: number
  created: string
  info: JsonObject
  mediaUrl: string | null
}

const ofEach = {
  id: ['id', 'integer'],
  created: ['created', 'time'],
  info: ['info', 'json'],
  mediaUrl: ['media_url', 'text'],
} as const

const ofProjects = { ...ofEach, projectId: ['project_id', 'integer'] } as const

const ofPosts = {
  updated: ['updated', 'time'],
  userId: ['user_id', 'integer'],
  title: ['title', 'text'],
  body: ['body', 'text'],
  published: ['published', 'boolean'],
} as const

/** The tables of contents by their noun. */
export const CONTENT_TABLES = {
  announcement: tableOf('announcement', { ...ofEach, ...ofPosts }),
  blogpost: tableOf('blogpost', { ...ofProjects, ...ofPosts }),
  helping_material: tableOf('helping_material', { ...ofProjects, priority: ['priority', 'number'] }),
  project_page: tableOf('project_page', { ...ofProjects, slug: ['slug', 'text'] }),
} satisfies Record<string, Table>

export type ContentNoun = keyof typeof CONTENT_TABLES
