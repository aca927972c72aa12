import { holderOf } from './drills.ts'
import type { Drill, HaSite } from './ha-site.ts'
import { hostsOf } from './hosts.ts'
import { moveMasters, redisMaster } from './redis-masters.ts'

/** Where the last fault was, to be mended. */
let broken: readonly string[] = []

/** What is done to units of hosts, in systemctl's words. @returns when it began. */
async function done(site: HaSite, hosts: readonly string[], ...command: string[]): Promise<number> {
  broken = hosts
  const began = Date.now()
  await Promise.all(hosts.map((host) => site.run(host, 'systemctl', ...command)))
  return began
}

const undone =
  (...command: string[]) =>
  (site: HaSite) =>
    done(site, broken, ...command)

/** Sends a signal to a unit of the host at which visitors arrive. */
const atBalancer = (signal: string, unit: string) => async (site: HaSite) =>
  done(site, [await holderOf(site.folder)], 'kill', '-s', signal, unit)

const stopSentinels = (count: number) => (site: HaSite) =>
  done(site, hostsOf(site.folder, 'sentinels').slice(0, count), 'stop', 'redis-sentinel@manyhands')

/** Both, on one host. */
async function hangMasters(site: HaSite): Promise<number> {
  const master = await redisMaster(site.folder)
  await moveMasters(site.folder, master)
  return done(site, [master], 'kill', '-s', 'STOP', 'redis-server@*')
}

/** What befalls processes, while their hosts are well. */
export const processDrills: readonly Drill[] = [
  {
    name: 'web processes of the balancer killed',
    promised: { write: 3, read: 3 },
    fault: atBalancer('KILL', 'manyhands-web@*'),
  },
  {
    name: 'web processes of the balancer hang',
    promised: { write: 15, read: 15 },
    fault: atBalancer('STOP', 'manyhands-web@*'),
    mend: undone('kill', '-s', 'CONT', 'manyhands-web@*'),
  },
  {
    name: 'HAProxy of the balancer killed',
    promised: { write: 2, read: 2 },
    fault: atBalancer('KILL', 'haproxy'),
  },
  {
    name: 'nginx of the balancer stopped',
    promised: { write: 4, read: 4 },
    fault: async (site) => done(site, [await holderOf(site.folder)], 'stop', 'nginx'),
    mend: undone('start', 'nginx'),
  },
  {
    name: 'one sentinel of three stopped',
    promised: { write: 1, read: 1 },
    fault: stopSentinels(1),
    mend: undone('start', 'redis-sentinel@manyhands'),
  },
  {
    name: 'two sentinels of three stopped',
    promised: { write: 1, read: 1 },
    fault: stopSentinels(2),
    mend: undone('start', 'redis-sentinel@manyhands'),
  },
  {
    name: 'Redis masters hang',
    promised: { write: 6, read: 6 },
    fault: hangMasters,
    mend: undone('kill', '-s', 'CONT', 'redis-server@*'),
  },
]
