import { request } from 'node:https'
import { buffer } from 'node:stream/consumers'

/** A site as its visitors have it: through nginx, by its name, with a certificate of its own authority. */
export interface VisitedSite {
  readonly address: string
  readonly domain: string
  readonly authority: string
  /** How long an answer is waited for; a minute unless said otherwise. */
  readonly patienceMs?: number
}

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
  readonly bytes: Buffer
}

type Form = Readonly<Record<string, string>>

interface Asked {
  readonly method: string
  readonly status: number
  readonly body?: string
  readonly type?: string
  readonly headers?: Readonly<Record<string, string>>
}

const PATIENCE_MS = 60_000
const BOUNDARY = 'part-of-a-form'
const MULTIPART = `multipart/form-data; boundary=${BOUNDARY}`

/** Somebody with a browser's cookies. */
export class Visitor {
  readonly #site: VisitedSite
  readonly #cookies = new Map<string, string>()

  constructor(site: VisitedSite) {
    this.#site = site
  }

  /** @throws Error with what was said instead when the status is another one. */
  async get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return this.#ask(path, { method: 'GET', status: 200, headers })
  }

  /** Sends a form, as a page of the site does. */
  async send(path: string, form: Form, status = 302): Promise<Answer> {
    const body = new URLSearchParams(form).toString()
    return this.#ask(path, { method: 'POST', status, body, type: 'application/x-www-form-urlencoded' })
  }

  /** Sends a form as one does that may carry files. */
  async sendParts(path: string, form: Form): Promise<Answer> {
    return this.#ask(path, {
      method: 'POST',
      status: 302,
      body: `${partsOf(form)}--${BOUNDARY}--\r\n`,
      type: MULTIPART,
    })
  }

  /** Sends a file with a form to the API. */
  async postFile(path: string, form: Form, content: Buffer): Promise<Answer> {
    const file = 'Content-Disposition: form-data; name="file"; filename="noise.js"'
    const type = 'Content-Type: text/javascript'
    const end = `--${BOUNDARY}--\r\n`
    const body = `${partsOf(form)}--${BOUNDARY}\r\n${file}\r\n${type}\r\n\r\n${content.toString()}\r\n${end}`
    return this.#ask(path, { method: 'POST', status: 200, body, type: MULTIPART })
  }

  async post(path: string, value: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return this.#ask(path, {
      method: 'POST',
      status: 200,
      body: JSON.stringify(value),
      type: 'application/json',
      headers,
    })
  }

  async #ask(path: string, asked: Asked) {
    const { address, domain, authority } = this.#site
    const { method, status, body = '', type, headers } = asked
    const answer = await new Promise<Answer>((resolve, reject) => {
      const call = request({
        host: address,
        servername: domain,
        ca: authority,
        path,
        method,
        timeout: this.#site.patienceMs ?? PATIENCE_MS,
        headers: {
          Host: domain,
          Accept: 'text/html, application/json',
          Cookie: [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; '),
          Origin: `https://${domain}`,
          'Sec-Fetch-Site': 'same-origin',
          ...headers,
          ...(type === undefined
            ? {}
            : { 'Content-Type': type, 'Content-Length': String(Buffer.byteLength(body)) }),
        },
      })
      call.on('timeout', () => call.destroy(new Error(`${path} was not answered in time`)))
      call.on('error', reject)
      call.on('response', (response) => {
        buffer(response).then((bytes) => {
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: bytes.toString(),
            bytes,
          })
        }, reject)
      })
      call.end(body)
    })
    this.#remember(answer)
    if (answer.status !== status)
      throw new Error(`${method} ${path} was answered with ${answer.status}: ${answer.body.slice(0, 500)}`)
    return answer
  }

  #remember({ headers }: Answer): void {
    for (const cookie of [headers['set-cookie'] ?? []].flat()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
      if (name !== undefined && value !== undefined) this.#cookies.set(name, value)
    }
  }
}

function partsOf(form: Form): string {
  return Object.entries(form)
    .map(
      ([name, value]) =>
        `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
    )
    .join('')
}
