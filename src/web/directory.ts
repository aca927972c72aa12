import { getKeyUser, getSessionUser, noteKeyUse } from '../domain/users/user-service.ts'
import type { Directory } from '../http/identify.ts'
import type { App } from '../platform/app.ts'

/** How requests find out who sent them. */
export function directory(app: App): Directory {
  const reader = () => app.database.open({ writes: false })
  return {
    bySession: (sessionId) => getSessionUser(reader(), sessionId),
    async byKey(key) {
      const found = await getKeyUser(reader(), key)
      if (!found) return undefined
      const { keyId, ...viewer } = found
      noteKeyUse(app.database.open({ writes: true }), keyId).catch((error: unknown) => {
        app.log.warn({ err: error }, 'use of an API key not noted')
      })
      return viewer
    },
  }
}
