import { setTimeout as sleep } from 'node:timers/promises'
import { said } from './drills.ts'
import { DOMAIN, NETWORK, startOnNetwork } from './hosts.ts'
import type { Watching } from './hosts.ts'

/** What became of the requests of use-until-told.ts. */
export interface Count {
  readonly answered: number
  readonly failures: readonly string[]
  readonly lost: number
  readonly jobsLost: number
}

/** Lets people use a site at an address as long as something is done with it, whatever becomes of that. */
export async function whileUsed(
  address: string,
  authorityFile: string,
  work: (use: Watching) => Promise<void>,
): Promise<void> {
  const use = await startOnNetwork('use-until-told.ts', [address, DOMAIN, authorityFile, `${NETWORK}.1`])
  try {
    await work(use)
  } finally {
    await use.stop()
  }
}

/** What people saw since they were asked last, and a moment later, so that what comes of it is among them. */
export async function countOf(use: Watching): Promise<Count> {
  await sleep(5_000)
  const count = JSON.parse(await use.ask()) as Count
  for (const failure of count.failures.slice(0, 20)) console.log(failure)
  return count
}

/** Whether there were people, and nothing failed or was lost. */
export function isWhole({ answered, failures, lost, jobsLost }: Count): boolean {
  return answered > 0 && failures.length === 0 && lost === 0 && jobsLost === 0
}

/** It in words. */
export function told({ answered, failures, lost, jobsLost }: Count): string {
  return `${failures.length} of ${answered + failures.length} requests failed, ${lost} answers and ${jobsLost} jobs lost`
}

/** How many requests or connections the HAProxys of some hosts have led to servers whose names begin so. */
export async function sentTo(hosts: readonly string[], backend: string, server: string): Promise<number> {
  const page = `exec 3<>/dev/tcp/127.0.0.1/8404 && printf 'GET /;csv HTTP/1.0\\r\\n\\r\\n' >&3 && cat <&3`
  const pages = await Promise.all(hosts.map((host) => said(host, page)))
  return pages
    .flatMap((csv) => csv.split('\n'))
    .filter((line) => line.startsWith(`${backend},${server}`))
    .reduce((sum, line) => sum + Number(line.split(',')[7]), 0)
}
