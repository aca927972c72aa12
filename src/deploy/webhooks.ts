import { verifyWithFallback } from '@octokit/webhooks-methods'
import { Router } from '@koa/router'
import rawBody from 'raw-body'
import { z } from 'zod'
import type { RequestState } from '../http/state.ts'
import { AppError, ForbiddenError, InvalidError, UnauthenticatedError } from '../lib/errors.ts'
import type { DeployStore } from '../platform/deploy-store.ts'
import type { DeploySettings } from '../platform/deploy-config.ts'

/** How the bytes that were signed are read: as text, at most a megabyte. */
const BODY = { limit: 1024 * 1024, encoding: 'utf8' } as const

const SIGNATURE = /^sha256=[0-9a-f]{64}$/

/** After which events there may be something to deploy, or checks may have ended. */
const WAKING = new Set(['push', 'pull_request', 'deployment', 'deployment_status', 'check_run', 'status'])

const Payload = z.object({
  repository: z.object({ id: z.number() }),
  /** Of a push. */
  ref: z.string().optional(),
  /** Of a pull request. */
  action: z.string().optional(),
  pull_request: z.object({ merged: z.boolean().nullish(), base: z.object({ ref: z.string() }) }).optional(),
})

/**
 * POST /webhooks/github: GitHub says that something happened. What it was is looked up at GitHub afterwards, by `wake`;
 * so a delivery that is old, late or lost does no harm. It is answered as soon as it is known to be GitHub's.
 */
export function webhookRoutes(
  settings: Pick<DeploySettings, 'webhookSecrets' | 'repository'>,
  store: DeployStore,
  wake: () => void,
): Router<RequestState> {
  const router = new Router<RequestState>()
  const { repository, webhookSecrets } = settings
  const [secret = '', ...older] = webhookSecrets

  router.post('/webhooks/github', async (ctx) => {
    const body = await rawBody(ctx.req, BODY).catch((cause: unknown) => {
      throw new AppError('too-large', 'The body is larger than 1 MB, or was broken off.', { cause })
    })
    const signature = ctx.get('X-Hub-Signature-256')
    if (!SIGNATURE.test(signature) || !(await verifyWithFallback(secret, body, signature, older)))
      throw new UnauthenticatedError('The signature is not that of a known secret.')
    const delivery = ctx.get('X-GitHub-Delivery')
    if (!/^[\w-]{8,72}$/.test(delivery)) throw new InvalidError('X-GitHub-Delivery is missing.')
    const payload = parse(body)
    if (payload.repository.id !== repository.id) throw new ForbiddenError('This is another repository.')
    const isNew = store.addDelivery(delivery)
    if (isNew && isOurs(ctx.get('X-GitHub-Event'), payload)) wake()
    ctx.status = 202
    ctx.body = { status: isNew ? 'taken' : 'known already' }
  })

  function isOurs(event: string, { ref, action, pull_request: pull }: z.output<typeof Payload>): boolean {
    if (!WAKING.has(event)) return false
    if (event === 'push') return ref === `refs/heads/${repository.branch}`
    if (event !== 'pull_request') return true
    return action === 'closed' && pull?.merged === true && pull.base.ref === repository.branch
  }

  return router
}

function parse(body: string): z.output<typeof Payload> {
  try {
    return Payload.parse(JSON.parse(body))
  } catch {
    throw new InvalidError('The body is none of GitHub’s events about a repository.')
  }
}
