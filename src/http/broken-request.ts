import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'

const STATUS: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
}

/**
 * Answers what node:http refuses before there is a request: headers that are broken or late, an address of many
 * thousand characters. Nobody can tell whom it was for, so it has the shape that the API's clients need.
 */
export function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const status = STATUS[error.code ?? ''] ?? 400
  const body = JSON.stringify({
    action: '',
    status: 'failed',
    status_code: status,
    target: '',
    exception_cls: 'BadRequest',
    exception_msg: status === 431 ? 'The address and headers are too long' : 'This is not an HTTP request',
  })
  const headers = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Access-Control-Allow-Origin: *',
    'Connection: close',
  ]
  socket.end(`${headers.join('\r\n')}\r\n\r\n${body}`)
}
