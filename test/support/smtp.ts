import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { SMTPServer } from 'smtp-server'
import type { Ending } from './servers.ts'

export interface ReceivedMail {
  from: string
  to: string
  messageId: string
  /** Headers and bodies as they came. */
  source: string
}

/** An answer that is not yes: its code and words. */
export class SmtpRefusal extends Error {
  readonly responseCode: number

  constructor(responseCode: number, message: string) {
    super(message)
    this.responseCode = responseCode
  }
}

export interface MailServer {
  readonly url: string
  readonly received: ReceivedMail[]
  /** Goes away, with all its connections; what it was told but has not taken is lost. */
  stop(): Promise<void>
  /** Comes back at the same address. */
  start(): Promise<void>
}

/**
 * A real mail server at an address that the system chose.
 *
 * @param judge is shown each mail, the refused ones too, and throws to refuse it.
 */
export async function startSmtp(
  t: Ending,
  judge: (mail: ReceivedMail) => void = () => undefined,
): Promise<MailServer> {
  const received: ReceivedMail[] = []
  let port = 0
  let running: SMTPServer | undefined

  async function start(): Promise<void> {
    const server = createServer(judge, received)
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
    ;({ port } = server.server.address() as AddressInfo)
    running = server
  }

  async function stop(): Promise<void> {
    const server = running
    running = undefined
    await new Promise<void>((resolve) => (server ? server.close(resolve) : resolve()))
  }

  await start()
  t.after(stop)
  return { url: `smtp://127.0.0.1:${port}`, received, stop, start }
}

function createServer(judge: (mail: ReceivedMail) => void, received: ReceivedMail[]): SMTPServer {
  const server = new SMTPServer({
    authOptional: true,
    closeTimeout: 50,
    disabledCommands: ['STARTTLS'],
    onRcptTo({ address }, _session, done) {
      done(/^nobody@/i.test(address) ? new SmtpRefusal(550, 'No such user here') : null)
    },
    onData(stream, session, done) {
      // Whoever sends may die in the middle of it.
      const read = text(stream).catch(() => undefined)
      void read.then((source) => {
        if (source === undefined) return
        const messageId = /^Message-ID: (.+?)\r?$/im.exec(source)?.[1] ?? ''
        const { mailFrom, rcptTo } = session.envelope
        const from = mailFrom === false ? '' : mailFrom.address
        const mail = { from, to: rcptTo[0]?.address ?? '', messageId, source }
        try {
          judge(mail)
        } catch (error) {
          done(error as Error)
          return
        }
        received.push(mail)
        done(null, 'accepted')
      })
    },
  })
  server.on('error', () => undefined)
  return server
}
