import { isIPv6 } from 'node:net'
import { LRUCache } from 'lru-cache'
import { AppError } from '../../lib/errors.ts'

const WINDOW_MS = 15 * 60_000
/** Wrong passwords in a window: of one address; for one name from wherever; and of one address for a name after that. */
const WRONG_MAX = { address: 10, name: 50, addressForName: 3 }

/**
 * Counts wrong passwords. Somebody who tries many is refused; but never the name that is tried, or whoever knows it could
 * lock its operator out: for a name that is under attack each address has fewer tries, and another one still has its own.
 */
export function createPasswordTries() {
  const wrong = new LRUCache<string, number>({ max: 10_000, ttl: WINDOW_MS, noUpdateTTL: true })
  const count = (key: string) => wrong.get(key) ?? 0

  function refuse(key: string): never {
    const retryAfter = Math.ceil(wrong.getRemainingTTL(key) / 1000)
    const minutes = Math.ceil(retryAfter / 60)
    throw new AppError('too-many', `Too many tries. Try again in ${minutes} minutes.`, { retryAfter })
  }

  return {
    /**
     * Counts a try before it is looked at, so that many at once are not looked at either.
     *
     * @returns what to call when the password was right: the try is taken back.
     * @throws AppError for an address that may not try.
     */
    begin(ip: string, name: string): () => void {
      const from = networkOf(ip)
      const keys = { address: `address ${from}`, name: `name ${name}`, both: `both ${from} ${name}` }
      if (count(keys.address) >= WRONG_MAX.address) refuse(keys.address)
      if (count(keys.name) >= WRONG_MAX.name && count(keys.both) >= WRONG_MAX.addressForName)
        refuse(keys.both)
      for (const key of Object.values(keys)) wrong.set(key, count(key) + 1)
      return () => {
        for (const key of Object.values(keys)) wrong.set(key, Math.max(0, count(key) - 1))
      }
    },
  }
}

/** One customer has a whole /64 of IPv6, and could use each address of it once. */
function networkOf(ip: string): string {
  const mapped = /^::ffff:(?<four>[\d.]+)$/i.exec(ip)?.groups?.['four']
  if (mapped !== undefined || !isIPv6(ip)) return mapped ?? ip
  const [head = '', tail = ''] = ip.split('::')
  const groups = head.split(':').filter(Boolean)
  const last = tail.split(':').filter(Boolean)
  const zeros = Array.from({ length: Math.max(0, 8 - groups.length - last.length) }, () => '0')
  const all = [...groups, ...zeros, ...last].slice(0, 4)
  return all.map((group) => Number.parseInt(group, 16).toString(16)).join(':')
}
