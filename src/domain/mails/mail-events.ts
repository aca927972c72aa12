import { createHmac, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { ForbiddenError, InvalidError } from '../../lib/errors.ts'
import { isDeadAddress } from './dead-address.ts'
import type { Failure } from './suppression-service.ts'

/**
 * What mail providers post about mails that came back or were reported as spam. Each form has its own proof of who sent
 * it, and its own time, since one that was overheard must not count for ever.
 */

/** Providers try for hours to deliver what they sign once. */
const AGE_SECONDS_MAX = 86_400

/** A request as it came. */
export interface MailEventRequest {
  readonly body: string
  readonly header: (name: string) => string
}

const OwnEvents = z.strictObject({
  events: z
    .array(
      z.strictObject({
        type: z.enum(['bounce', 'complaint']),
        address: z.email(),
        reason: z.string().max(2_000),
        messageId: z.string().max(500).optional(),
      }),
    )
    .min(1)
    .max(1_000),
})

/**
 * Our own form (docs/mail.md), for providers' events that a script of yours translates.
 *
 * @throws ForbiddenError when the signature is wrong or old; InvalidError naming what is wrong with the body.
 */
export function readOwnEvents({ body, header }: MailEventRequest, secret: string): Failure[] {
  const time = header('X-Manyhands-Time')
  mustProve(secret, `${time}.${body}`, header('X-Manyhands-Signature').replace(/^sha256=/, ''), time)
  const { events } = parsed(OwnEvents, body)
  return events.map(({ type, address, reason, messageId }) => ({
    address,
    cause: type,
    source: 'webhook',
    detail: reason,
    messageId,
  }))
}

const MailgunEvent = z.object({
  signature: z.object({ timestamp: z.string(), token: z.string(), signature: z.string() }),
  'event-data': z.object({
    event: z.string(),
    severity: z.string().optional(),
    reason: z.string().optional(),
    recipient: z.email(),
    'delivery-status': z
      .object({
        code: z.number().optional(),
        message: z.string().optional(),
        description: z.string().optional(),
      })
      .optional(),
    message: z.object({ headers: z.object({ 'message-id': z.string().optional() }).optional() }).optional(),
  }),
})

/** Mailgun's webhook. @throws as `readOwnEvents` */
export function readMailgunEvents({ body }: MailEventRequest, signingKey: string): Failure[] {
  const { signature, 'event-data': event } = parsed(MailgunEvent, body)
  mustProve(signingKey, signature.timestamp + signature.token, signature.signature, signature.timestamp)
  const { code, message, description } = event['delivery-status'] ?? {}
  const words = [message, description].find((said) => said !== undefined && said !== '') ?? event.event
  const found = {
    address: event.recipient,
    source: 'webhook',
    messageId: event.message?.headers?.['message-id'],
  } as const
  if (event.event === 'complained') return [{ ...found, cause: 'complaint', detail: 'Reported as spam' }]
  const detail = code === undefined ? words : `${code} ${words}`
  return isDeadAtMailgun(event, detail) ? [{ ...found, cause: 'bounce', detail }] : []
}

/** Mailgun keeps a list of dead addresses of its own, and then does not even try. */
function isDeadAtMailgun(
  { event, severity, reason }: { event: string; severity?: string | undefined; reason?: string | undefined },
  detail: string,
): boolean {
  if (event !== 'failed' || severity !== 'permanent') return false
  return reason === 'suppress-bounce' || isDeadAddress(detail, true)
}

function mustProve(key: string, signed: string, signature: string, time: string): void {
  const wanted = createHmac('sha256', key).update(signed).digest()
  const given = Buffer.from(signature, 'hex')
  const isYoung = Math.abs(Date.now() / 1_000 - Number(time)) < AGE_SECONDS_MAX
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted))
    throw new ForbiddenError('The signature does not fit. Check the key on both sides.')
  if (!isYoung) throw new ForbiddenError('The signature is too old, or the clock of one side is wrong.')
}

function parsed<T extends z.ZodType>(schema: T, body: string): z.output<T> {
  const result = schema.safeParse(jsonOf(body))
  if (result.success) return result.data
  const [issue] = result.error.issues
  throw new InvalidError(
    `These events are not understood: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`,
  )
}

function jsonOf(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    throw new InvalidError('The body is not JSON.')
  }
}
