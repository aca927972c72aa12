/** Where people want to go after signing in: a path of this site, never another site; empty when they did not say. */
export function safeNext(next: unknown): string {
  return typeof next === 'string' && /^\/(?![/\\])/.test(next) ? next : ''
}
