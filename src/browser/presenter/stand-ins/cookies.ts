/**
 * Makes `document.cookie` work where the browser denies it to the frame, from memory then, and puts into it what the
 * contribute page of PyBossa would have set.
 *
 * @param first `name=value`
 */
export function ensureCookies(first: string): void {
  if (keepsCookies(first)) return
  const kept = new Map<string, string>()
  const remember = (text: string) => {
    const [pair = '', ...attributes] = text.split(';')
    const [name = '', ...value] = pair.split('=')
    kept.set(name.trim(), value.join('=').trim())
    if (isOver(attributes)) kept.delete(name.trim())
  }
  remember(first)
  Object.defineProperty(document, 'cookie', {
    configurable: true,
    get: () => Array.from(kept, ([name, value]) => `${name}=${value}`).join('; '),
    set: (text: unknown) => {
      remember(String(text))
    },
  })
}

/** A browser that blocks cookies of other sites' frames throws, or forgets without a word. */
function keepsCookies(first: string): boolean {
  try {
    document.cookie = `${first}; path=/`
    return document.cookie.split('; ').includes(first)
  } catch {
    return false
  }
}

function isOver(attributes: readonly string[]): boolean {
  const expires = /^\s*expires=(.*)$/i
  const maxAge = /^\s*max-age=(.*)$/i
  return attributes.some((attribute) => {
    const seconds = maxAge.exec(attribute)?.[1]
    const date = expires.exec(attribute)?.[1]
    return (
      (seconds !== undefined && Number(seconds) <= 0) || (date !== undefined && Date.parse(date) < Date.now())
    )
  })
}
