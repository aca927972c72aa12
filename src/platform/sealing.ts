import { createHmac, createSecretKey, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { CompactEncrypt, compactDecrypt } from 'jose'
import type { AppKey } from './config.ts'

/** Seals small JSON values so that only this site can read them, each for one purpose. */
export interface Sealer {
  /** @param ttlSeconds after which `open` no longer accepts the token; Infinity for stored secrets. */
  seal(purpose: string, payload: unknown, ttlSeconds: number): Promise<string>
  /** What was sealed, or undefined for anything forged, expired, of another purpose or of a dropped key. */
  open(purpose: string, token: string): Promise<unknown>
  /** A short authenticated (not secret) form for values that are read on every request. */
  sign(purpose: string, value: string): string
  /** The value that was signed, or undefined. */
  verify(purpose: string, signed: string): string | undefined
  /** A keyed hash that stays the same for the life of the oldest key. */
  hash(purpose: string, value: string): Buffer
}

const encode = new TextEncoder()
const decode = new TextDecoder()

/**
 * AES-256-GCM by jose (compact JWE), a key per purpose derived by HKDF-SHA256.
 *
 * @param keys newest first: it seals; all of them open.
 */
export function createSealer(keys: readonly AppKey[]): Sealer {
  // As key objects: to make one of its bytes costs five times the hash, and each request hashes something.
  const derived = new Map<string, KeyObject>()
  const [newest] = keys
  const oldest = keys.at(-1)
  if (!newest || !oldest) throw new Error('A sealer needs at least one key')

  function keyFor(key: AppKey, purpose: string): KeyObject {
    const name = `${key.id} ${purpose}`
    let object = derived.get(name)
    if (!object) {
      object = createSecretKey(new Uint8Array(hkdfSync('sha256', key.key, 'manyhands', purpose, 32)))
      derived.set(name, object)
    }
    return object
  }

  function mac(key: AppKey, purpose: string, value: string): Buffer {
    return createHmac('sha256', keyFor(key, `mac ${purpose}`))
      .update(value)
      .digest()
  }

  return {
    async seal(purpose, payload, ttlSeconds) {
      const expires = Number.isFinite(ttlSeconds) ? Math.floor(Date.now() / 1000 + ttlSeconds) : undefined
      return new CompactEncrypt(encode.encode(JSON.stringify({ payload, expires })))
        .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kid: newest.id })
        .encrypt(keyFor(newest, purpose))
    },

    async open(purpose, token) {
      try {
        const { plaintext } = await compactDecrypt(token, (header) => {
          const key = keys.find(({ id }) => id === header.kid)
          if (!key) throw new Error('unknown key')
          return keyFor(key, purpose)
        })
        const { payload, expires } = JSON.parse(decode.decode(plaintext)) as {
          payload: unknown
          expires?: number
        }
        return expires !== undefined && expires < Date.now() / 1000 ? undefined : payload
      } catch {
        // Forged, truncated, of another purpose or of a key that was dropped: all the same to the caller.
        return undefined
      }
    },

    sign(purpose, value) {
      return `${value}.${mac(newest, purpose, value).subarray(0, 16).toString('base64url')}`
    },

    verify(purpose, signed) {
      const dot = signed.lastIndexOf('.')
      const value = signed.slice(0, Math.max(dot, 0))
      const given = Buffer.from(signed.slice(dot + 1), 'base64url')
      if (given.length !== 16) return undefined
      const isOurs = keys.some((key) => timingSafeEqual(given, mac(key, purpose, value).subarray(0, 16)))
      return isOurs ? value : undefined
    },

    hash(purpose, value) {
      return mac(oldest, purpose, value)
    },
  }
}

/** An unguessable text of 32 random bytes, in base64url. */
export function randomToken(): string {
  return randomBytes(32).toString('base64url')
}
