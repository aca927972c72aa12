import { SignJWT, errors as joseErrors, jwtVerify } from 'jose'
import { LRUCache } from 'lru-cache'
import type { ContributorKey } from '../../domain/contributors/contributor-service.ts'
import { getProjectById, openSecretKey } from '../../domain/projects/project-service.ts'
import type { Project } from '../../domain/projects/project-service.ts'
import type { Context } from '../../http/state.ts'
import type { App } from '../../platform/app.ts'
import { ApiError } from './errors.ts'
import { argument } from './input.ts'

/** A token that was refused, in the two words that PyBossa's newtask answers with. */
export class TokenError extends Error {
  readonly code: string

  constructor(code: string, description: string) {
    super(description)
    this.name = 'TokenError'
    this.code = code
  }
}

/** The token with which another site speaks for its own people, within one project. */
export async function signToken(app: Pick<App, 'sealer'>, project: Project): Promise<string> {
  return new SignJWT({ short_name: project.shortName, project_id: project.id })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .sign(await keyOf(app, project))
}

async function keyOf(app: Pick<App, 'sealer'>, project: Project): Promise<Uint8Array> {
  return new TextEncoder().encode(await openSecretKey(app, project))
}

/**
 * Who contributes: the external person that a valid token speaks for, else whoever sent the request.
 *
 * @param bodyUid the external_uid of a body, which has to be the one of the query.
 * @throws TokenError (newtask) or ApiError Forbidden (taskrun) when a token is missing or wrong.
 */
export async function externalContributor(
  app: App,
  ctx: Context,
  projectId: number,
  bodyUid: string | undefined,
  place: 'newtask' | 'taskrun',
): Promise<ContributorKey> {
  const externalUid = bodyUid ?? argument(ctx, 'external_uid')
  if (externalUid === undefined || externalUid === '') return ctx.state.contributor
  try {
    await verifyToken(app, ctx, projectId)
  } catch (error) {
    if (place === 'newtask' || !(error instanceof TokenError)) throw error
    throw new ApiError('Forbidden', error.message)
  }
  const who = { kind: 'external', projectId, externalUid: externalUid.slice(0, 255) } as const
  ctx.state.contributor = who
  return who
}

/** Tokens that were verified, with the sealed key they were verified by: another site sends one for all its people. */
const verified = new LRUCache<string, string>({ max: 10_000 })

async function verifyToken(app: App, ctx: Context, projectId: number): Promise<void> {
  const token = bearerToken(ctx.get('Authorization'))
  const project = await getProjectById(ctx.state.db, projectId)
  const name = `${project.id} ${project.shortName} ${token}`
  if (verified.get(name) === project.secretKeySealed) return
  try {
    const { payload } = await jwtVerify(token, await keyOf(app, project), { algorithms: ['HS256'] })
    if (payload['project_id'] === project.id && payload['short_name'] === project.shortName) {
      verified.set(name, project.secretKeySealed)
      return
    }
  } catch (error) {
    if (!(error instanceof joseErrors.JOSEError)) throw error
    throw new TokenError('Decode error', 'Signature verification failed')
  }
  throw new TokenError('Wrong project', 'Signature verification failed')
}

function bearerToken(header: string): string {
  if (!header) throw new TokenError('invalid_header', 'Missing Authorization header')
  const [scheme = '', token, ...rest] = header.split(/\s+/)
  if (scheme.toLowerCase() !== 'bearer')
    throw new TokenError('invalid_header', 'Authorization header must start with Bearer')
  if (!token) throw new TokenError('invalid_header', 'Token not found')
  if (rest.length > 0) throw new TokenError('invalid_header', 'Authorization header must be Bearer + token')
  return token
}
