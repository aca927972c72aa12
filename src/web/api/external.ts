import { SignJWT, errors as joseErrors, jwtVerify } from 'jose'
import { LRUCache } from 'lru-cache'
import type { ContributorKey } from '../../domain/contributors/contributor-service.ts'
import { getServedProject, openSecretKey } from '../../domain/projects/project-service.ts'
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

const UID_CHARS_MAX = 255

/**
 * The id that another site knows its person by.
 *
 * @param uid of the body; that of the address when left out.
 * @throws ApiError DataError when it is too long: cut off, two people could become one.
 */
export function externalUidOf(ctx: Context, uid = argument(ctx, 'external_uid')): string | undefined {
  if (uid !== undefined && uid.length > UID_CHARS_MAX)
    throw new ApiError('DataError', `external_uid is too long: ${UID_CHARS_MAX} characters are the most`)
  return uid === '' ? undefined : uid
}

/**
 * Who asks for a task: the external person that a valid token speaks for, else whoever sent the request.
 *
 * @throws TokenError when the token is missing or wrong.
 */
export async function externalContributor(
  app: App,
  ctx: Context,
  project: Project,
  externalUid = externalUidOf(ctx),
): Promise<ContributorKey> {
  if (externalUid === undefined) return ctx.state.contributor
  await verifyToken(app, ctx, project)
  const who = { kind: 'external', projectId: project.id, externalUid } as const
  ctx.state.contributor = who
  return who
}

/**
 * Who answers or skips a task, in the same way.
 *
 * @param bodyUid the external_uid of the body; PyBossa's clients repeat the one of the address there.
 * @throws ApiError Forbidden when the token is missing or wrong, or body and address name two people.
 */
export async function answeringContributor(
  app: App,
  ctx: Context,
  projectId: number,
  bodyUid?: string,
): Promise<ContributorKey> {
  const ofAddress = externalUidOf(ctx)
  const externalUid = externalUidOf(ctx, bodyUid ?? '') ?? ofAddress
  if (externalUid === undefined) return ctx.state.contributor
  if (ofAddress !== undefined && ofAddress !== externalUid)
    throw new ApiError('Forbidden', 'The external_uid of the body is not the one of the address')
  try {
    const { db, viewer } = ctx.state
    const project = await getServedProject(app, db, viewer, projectId)
    return await externalContributor(app, ctx, project, externalUid)
  } catch (error) {
    if (error instanceof TokenError) throw new ApiError('Forbidden', error.message)
    throw error
  }
}

/** Tokens that were verified, with the sealed key they were verified by and when they end: another site sends one for all its people. */
const verified = new LRUCache<string, { sealedKey: string; expires: number }>({ max: 10_000 })

async function verifyToken(app: App, ctx: Context, project: Project): Promise<void> {
  const token = bearerToken(ctx.get('Authorization'))
  const name = `${project.id} ${project.shortName} ${token}`
  const before = verified.get(name)
  if (before?.sealedKey === project.secretKeySealed && Date.now() < before.expires) return
  try {
    const { payload } = await jwtVerify(token, await keyOf(app, project), { algorithms: ['HS256'] })
    if (payload['project_id'] === project.id && payload['short_name'] === project.shortName) {
      const expires = payload.exp === undefined ? Infinity : payload.exp * 1000
      verified.set(name, { sealedKey: project.secretKeySealed, expires })
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
