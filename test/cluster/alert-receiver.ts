import { appendFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { SMTPServer } from 'smtp-server'

/**
 * Takes what Alertmanager sends, on the hosts' network: chat, text messages and the watchdog by HTTP on a port, mails on the
 * next one. Each becomes a line of the file: when, by which way, and what.
 *
 *   node test/cluster/alert-receiver.ts ADDRESS PORT FILE
 */
const [address = '', port = '', file = ''] = process.argv.slice(2)

function note(way: string, what: string): void {
  appendFileSync(file, `${JSON.stringify({ at: Date.now(), way, what })}\n`)
}

createServer((request, response) => {
  void text(request).then((body) => {
    note((request.url ?? '').slice(1), body)
    response.end('ok')
  })
}).listen(Number(port), address)

new SMTPServer({
  authOptional: true,
  disabledCommands: ['STARTTLS'],
  onData(stream, _session, done) {
    void text(stream).then((mail) => {
      note('mail', mail)
      done()
    }, done)
  },
}).listen(Number(port) + 1, address)
console.log('receiving')
