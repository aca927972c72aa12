import type { ImapFlow } from 'imapflow'

/** So much of a message is looked at: reports of undelivered mails are short. */
const BYTES_MAX = 256 * 1_024
/** So many messages are read in one go. */
const MESSAGES_MAX = 200

/**
 * Reads the messages of a mailbox that nobody has seen, and marks each as seen when `take` has ended.
 *
 * @param address such as imaps://user:password@host/INBOX; imap: for a server on the same machine.
 * @returns how many were read; when it is the most, there may be more.
 */
export async function readUnseen(
  address: string,
  take: (source: string) => Promise<void>,
  signal: AbortSignal,
): Promise<number> {
  const { client, mailbox } = await clientFor(new URL(address))
  await client.connect()
  try {
    await client.mailboxOpen(mailbox)
    const unseen = await client.search({ seen: false }, { uid: true })
    const uids = (unseen || []).slice(0, MESSAGES_MAX)
    for (const uid of uids) {
      signal.throwIfAborted()
      const query = { source: { start: 0, maxLength: BYTES_MAX } }
      const message = await client.fetchOne(String(uid), query, { uid: true })
      if (message && message.source) await take(message.source.toString('latin1'))
      await client.messageFlagsAdd(String(uid), ['\\Seen'], { uid: true })
    }
    return uids.length
  } finally {
    await client.logout().catch(() => {
      client.close()
    })
  }
}

/** The library is loaded where mails are read, which few processes do. */
async function clientFor({
  protocol,
  hostname,
  port,
  username,
  password,
  pathname,
}: URL): Promise<{ client: ImapFlow; mailbox: string }> {
  const { ImapFlow } = await import('imapflow')
  const isSecure = protocol === 'imaps:'
  const client = new ImapFlow({
    host: hostname,
    port: Number(port) || (isSecure ? 993 : 143),
    secure: isSecure,
    auth: { user: decodeURIComponent(username), pass: decodeURIComponent(password) },
    logger: false,
    disableAutoIdle: true,
    connectionTimeout: 10_000,
    greetingTimeout: 10_000,
    socketTimeout: 60_000,
  })
  // What goes wrong also rejects the command that it goes wrong in.
  client.on('error', () => undefined)
  return { client, mailbox: decodeURIComponent(pathname.slice(1)) || 'INBOX' }
}
