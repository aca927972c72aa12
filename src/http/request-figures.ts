import type { Handler } from './state.ts'

/** Routes that are watched together. */
export type RequestGroup = 'newtask' | 'taskrun' | 'contribute' | 'api' | 'files' | 'pages'

export interface AnsweredRequest {
  readonly group: RequestGroup
  readonly status: number
  /** Until the answer began. */
  readonly ms: number
}

export interface RequestFigures {
  readonly middleware: Handler
  /** @param listener told of each request once its answer begins. */
  onAnswered(listener: (answered: AnsweredRequest) => void): void
}

/** Tells of each request that people and programs sent; not of those by which this process is watched. */
export function createRequestFigures(): RequestFigures {
  const listeners: ((answered: AnsweredRequest) => void)[] = []
  return {
    async middleware(ctx, next) {
      const began = performance.now()
      let hasThrown = true
      try {
        await next()
        hasThrown = false
      } finally {
        const group = requestGroup(ctx.method, ctx.path)
        const status = hasThrown ? 500 : ctx.status
        const answered = group && { group, status, ms: performance.now() - began }
        if (answered) for (const tell of listeners) tell(answered)
      }
    },
    onAnswered(listener) {
      listeners.push(listener)
    },
  }
}

const PATTERNS: readonly (readonly [RegExp, RequestGroup | undefined])[] = [
  [/^\/(?:healthz|readyz|metrics)\/?$/, undefined],
  [/^\/api\/project\/[^/]+\/newtask\/?$/, 'newtask'],
  [/^\/api\//, 'api'],
  [/^\/(?:static|uploads|files|demo)\//, 'files'],
  [/^(?:\/presenter-frame)?\/project\/[^/]+\/(?:newtask|task\/\d+)\/?$/, 'contribute'],
]

/** @returns the group of a request; undefined for those by which a process is watched. */
export function requestGroup(method: string, path: string): RequestGroup | undefined {
  if (method === 'POST' && /^\/api\/taskrun\/?$/.test(path)) return 'taskrun'
  const found = PATTERNS.find(([pattern]) => pattern.test(path))
  return found ? found[1] : 'pages'
}
