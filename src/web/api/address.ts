/** Whether a path belongs to the API, also when slashes were repeated. */
export function isApi(path: string): boolean {
  return /^\/+api(\/|$)/.test(path)
}

/** What an address of the API names: /api/<noun>/<id>/<action>. */
export function partsOf(path: string): { noun: string | undefined; action: string | undefined } {
  const [, noun, , action] = path.split('/').filter(Boolean)
  return { noun, action }
}
