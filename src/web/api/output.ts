import type { NameMap } from './list-arguments.ts'

/** An ISO time without the zone, as PyBossa writes it; anything else as it is. */
export function wireTime(value: unknown): unknown {
  return typeof value === 'string' && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value) ? value.slice(0, -1) : value
}

const TIMES = new Set(['created', 'updated', 'finish_time'])

/** A record under the API's names; fields that the map does not name stay private. */
export function toWire(record: object, names: NameMap): Record<string, unknown> {
  const fields = record as Record<string, unknown>
  // Without a pair for each value first: every new task comes through here, and lists of a hundred objects.
  const wire: Record<string, unknown> = {}
  for (const [name, field] of Object.entries(names)) {
    const value = fields[field] ?? null
    wire[name] = TIMES.has(name) ? wireTime(value) : value
  }
  return wire
}

/** PyBossa's hypermedia: an element that names the object. */
export function link(siteUrl: string, noun: string, id: unknown, rel = 'self'): string {
  return `<link rel='${rel}' title='${noun}' href='${siteUrl}/api/${noun}/${String(id)}'/>`
}
