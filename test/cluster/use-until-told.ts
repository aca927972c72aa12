import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { startUse } from './use-steadily.ts'

/**
 * Uses a site steadily until its standard input ends. Each line of it is answered with a line: what became of the
 * requests since the one before, as JSON. So is its end.
 *
 *   node test/cluster/use-until-told.ts ADDRESS DOMAIN AUTHORITY-FILE OUTSIDE
 *
 * The last is the address of this machine where the site reaches it.
 */
const [address = '', domain = '', authorityFile = '', outside = ''] = process.argv.slice(2)

const authority = readFileSync(authorityFile, 'utf8')
const use = await startUse({ addresses: [address], domain, authority, outside })
const tell = async () => {
  console.log(JSON.stringify(await use.count()))
}
const input = createInterface(process.stdin).on('line', () => void tell())
console.log('using')
await once(input, 'close')
await use.stop()
await tell()
