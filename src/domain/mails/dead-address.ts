/**
 * Whether a refusal says that the address takes no mail, now and later: RFC 3463's 5.1.x but for those about the sender,
 * and 5.2.1, a mailbox that is closed. A full mailbox (5.2.2) or a mail that looks like spam (5.7.x) says nothing about
 * the address. Servers without these codes say it in their answer to the recipient (RFC 5321: 550, 551, 553).
 */
export function isDeadAddress(reply: string, isAtRecipient: boolean): boolean {
  const [, status] = /(?:^|[\s(#])([45]\.\d{1,3}\.\d{1,3})\b/.exec(reply) ?? []
  if (status !== undefined) return isDeadStatus(status)
  return isAtRecipient && /^55[013]\b/.test(reply)
}

const DEAD = new Set(['5.1.0', '5.1.1', '5.1.2', '5.1.3', '5.1.6', '5.1.10', '5.2.1'])

/** The same of an enhanced status code alone, as reports of undelivered mail have it. */
export function isDeadStatus(status: string): boolean {
  return DEAD.has(status)
}
