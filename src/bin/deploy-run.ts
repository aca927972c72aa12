import { runPlaybook } from '../deploy/playbook.ts'
import { LOCK_DESCRIPTOR } from '../deploy/runs.ts'
import { loadDeploySettings } from '../platform/deploy-config.ts'

// Begun by the deploy server, with its settings and the run's folder as argument; outlives it when it is restarted.
const [folder] = process.argv.slice(2)
if (folder === undefined) throw new Error('The deploy server starts this, with the folder of a run.')
await runPlaybook(folder, loadDeploySettings(process.env), process.env, LOCK_DESCRIPTOR)
