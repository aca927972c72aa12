import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import type { Ending } from './servers.ts'

interface Message {
  readonly source: string
  isSeen: boolean
}

export interface Mailbox {
  /** Its address, with user and password. */
  readonly url: string
  readonly messages: Message[]
}

/** A small IMAP server (RFC 3501) with one mailbox: as much as reading and marking messages takes. */
export async function startImap(t: Ending): Promise<Mailbox> {
  const messages: Message[] = []
  const connections = new Set<Socket>()
  const server = createServer((socket) => {
    connections.add(socket)
    socket.on('close', () => connections.delete(socket)).on('error', () => undefined)
    serve(socket, messages)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const socket of connections) socket.destroy()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { url: `imap://bounces%40example.org:secret@127.0.0.1:${port}/INBOX`, messages }
}

function serve(socket: Socket, messages: Message[]): void {
  let rest = ''
  socket.write('* OK [CAPABILITY IMAP4rev1] ready\r\n')
  socket.setEncoding('latin1').on('data', (text: string) => {
    const lines = (rest + text).split('\r\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const [, tag = '*', command = ''] = /^(\S+) (.*)$/.exec(line) ?? []
      const { untagged, status } = answer(command, messages)
      const replies = [...untagged.map((reply) => `* ${reply}`), `${tag} ${status}`]
      socket.write(replies.map((reply) => `${reply}\r\n`).join(''), 'latin1')
      if (command === 'LOGOUT') socket.end()
    }
  })
}

function answer(command: string, messages: Message[]): { untagged: string[]; status: string } {
  const [, uid] = /^UID (?:FETCH|STORE) (\d+)/.exec(command) ?? []
  const message = messages[Number(uid) - 1]
  if (/^LOGIN/.test(command) && !/"?bounces@example\.org"? "?secret"?/.test(command))
    return { untagged: [], status: 'NO [AUTHENTICATIONFAILED] wrong password' }
  const done = { untagged: [] as string[], status: 'OK done' }
  if (command === 'CAPABILITY') done.untagged.push('CAPABILITY IMAP4rev1')
  if (/^LIST/.test(command)) done.untagged.push('LIST () "/" INBOX')
  if (/^SELECT/.test(command))
    done.untagged.push(
      'FLAGS (\\Seen)',
      `${messages.length} EXISTS`,
      'OK [UIDVALIDITY 1]',
      'OK [UIDNEXT 1000]',
    )
  if (/^UID SEARCH/.test(command)) {
    const unseen = messages.flatMap(({ isSeen }, n) => (isSeen ? [] : [n + 1]))
    done.untagged.push(['SEARCH', ...unseen].join(' '))
  }
  if (message && /^UID FETCH/.test(command)) {
    const { source } = message
    done.untagged.push(`${uid} FETCH (UID ${uid} BODY[]<0> {${source.length}}\r\n${source})`)
  }
  if (message && /^UID STORE.*\\Seen/.test(command)) message.isSeen = true
  return done
}
