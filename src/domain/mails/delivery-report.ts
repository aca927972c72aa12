/** What a mail server reports of a mail that it could not deliver (RFC 3464). */
export interface DeliveryReport {
  address: string
  /** RFC 3463's code, such as 5.1.1. */
  status: string
  detail: string
  /** That of the mail which it is about. */
  messageId: string
}

/**
 * The failures that a mail tells of; none when it is no report. Its parts are told apart by their headers alone: a report
 * is 7-bit text by its standard, and of the mail it is about only the Message-ID counts.
 */
export function readDeliveryReport(source: string): DeliveryReport[] {
  const text = source.replaceAll('\r\n', '\n')
  const report = reportIn(text)
  const messageId = [...text.matchAll(/^message-id:\s*(<\S+>)/gim)].at(-1)?.[1]
  if (report === undefined || messageId === undefined) return []
  return report.split(/\n\s*\n/).flatMap((group) => {
    const failure = failureOf(fieldsOf(group))
    return failure ? [{ ...failure, messageId }] : []
  })
}

function reportIn(text: string): string | undefined {
  const start = text.search(/^content-type:[ \t]*message\/delivery-status/im)
  const head = start < 0 ? -1 : text.indexOf('\n\n', start)
  if (head < 0) return undefined
  const end = text.indexOf('\n--', head)
  return text.slice(head + 2, end < 0 ? undefined : end)
}

function fieldsOf(group: string): Map<string, string> {
  const lines = group.replace(/\n[ \t]+/g, ' ').split('\n')
  return new Map(
    lines.map((line) => {
      const colon = line.indexOf(':')
      return [line.slice(0, Math.max(colon, 0)).trim().toLowerCase(), line.slice(colon + 1).trim()]
    }),
  )
}

/** Addresses and diagnoses have a word for their kind in front: `rfc822; ada@example.org`. */
const withoutKind = (value: string) => value.replace(/^[\w-]+;\s*/, '')

function failureOf(fields: Map<string, string>): Omit<DeliveryReport, 'messageId'> | undefined {
  const recipient = fields.get('original-recipient') ?? fields.get('final-recipient')
  const status = fields.get('status') ?? ''
  if (recipient === undefined || fields.get('action')?.toLowerCase() !== 'failed') return undefined
  const detail = withoutKind(fields.get('diagnostic-code') ?? '')
  return { address: withoutKind(recipient), status, detail: detail || status }
}
