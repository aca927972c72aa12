/** Makes `localStorage` and `sessionStorage` work where the browser denies them to the frame, from memory then. */
export function ensureStorage(): void {
  for (const name of ['localStorage', 'sessionStorage'] as const) {
    if (isAllowed(name)) continue
    Object.defineProperty(window, name, { configurable: true, value: memoryStorage() })
  }
}

function isAllowed(name: 'localStorage' | 'sessionStorage'): boolean {
  try {
    return typeof window[name].length === 'number'
  } catch {
    return false
  }
}

/** Items are read by methods and by name alike, as those of a real one. */
function memoryStorage(): object {
  const items = new Map<string, string>()
  const methods = {
    getItem: (key: unknown) => items.get(String(key)) ?? null,
    setItem(key: unknown, value: unknown) {
      items.set(String(key), String(value))
    },
    removeItem(key: unknown) {
      items.delete(String(key))
    },
    clear() {
      items.clear()
    },
    key: (index: number) => [...items.keys()][index] ?? null,
  }
  return new Proxy(methods, {
    get(target, name) {
      if (name === 'length') return items.size
      if (typeof name === 'symbol' || name in target) return Reflect.get(target, name) as unknown
      return items.get(name)
    },
    set(_, name, value) {
      items.set(String(name), String(value))
      return true
    },
    has: (target, name) => name in target || items.has(String(name)),
    deleteProperty: (_, name) => items.delete(String(name)) || true,
    ownKeys: () => [...items.keys()],
    getOwnPropertyDescriptor: (_, name) => {
      const value = items.get(String(name))
      return value === undefined ? undefined : { value, configurable: true, enumerable: true, writable: true }
    },
  })
}
