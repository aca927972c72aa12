import { createHash, createHmac } from 'node:crypto'

/** What lets somebody into a bucket. */
export interface BucketKeys {
  readonly key: string
  readonly secret: string
  readonly region: string
}

/** Enough for a request and its redirects. */
const SECONDS = 300

/** An address with a signature in it that holds for five minutes: whoever asks for it needs no keys. */
export async function signedAddress(
  address: string,
  query: Readonly<Record<string, string>>,
  { key, secret, region }: BucketKeys,
): Promise<string> {
  const { origin, protocol, hostname, port, host, pathname } = new URL(address)
  // Only who lists a bucket with keys needs it.
  const { SignatureV4 } = await import('@smithy/signature-v4')
  const signer = new SignatureV4({
    service: 's3',
    region,
    credentials: { accessKeyId: key, secretAccessKey: secret },
    sha256: Sha256,
    uriEscapePath: false,
  })
  const request = {
    method: 'GET',
    protocol,
    hostname,
    ...(port !== '' && { port: Number(port) }),
    path: pathname,
    query: { ...query },
    headers: { host, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' },
  }
  const signed = await signer.presign(request, { expiresIn: SECONDS })
  return `${origin}${pathname}?${new URLSearchParams(signed.query as Record<string, string>).toString().replaceAll('+', '%20')}`
}

type Hashed = string | ArrayBuffer | ArrayBufferView

/** What the signature is made with. */
class Sha256 {
  readonly #hash: { update(part: Uint8Array): unknown; digest(): Uint8Array }

  constructor(secret?: Hashed) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(secret))
  }

  update(part: Hashed): void {
    this.#hash.update(bytesOf(part))
  }

  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest())
  }
}

function bytesOf(data: Hashed): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data)
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data)
}
