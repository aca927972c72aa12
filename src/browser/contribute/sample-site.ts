import type { AllowedCall } from '../../lib/bridge-allow-list.ts'
import type { BridgeProject, Json } from '../../lib/bridge.ts'
import { refusal } from './project-gateway.ts'
import type { Reply } from './run-queue.ts'

/** An API of its own: the samples as tasks, one after the other, and again from the first. */
export function sampleSite(project: BridgeProject, samples: readonly Json[]): (call: AllowedCall) => Reply {
  let answered = 0

  function task(number: number): Json {
    const info = samples[number % samples.length]
    if (info === undefined) return {}
    return { id: number + 1, project_id: project.id, state: 'ongoing', n_answers: 1, info }
  }

  return (call) => {
    switch (call.kind) {
      case 'newtask':
        return ok(task(answered + Number(call.query['offset'] ?? 0)))
      case 'task':
        return call.taskId <= samples.length
          ? ok(task(call.taskId - 1))
          : refusal(404, 'NotFound', 'No such task.')
      case 'taskrun':
        answered += 1
        return ok({ id: answered, ...call.body })
      case 'skip':
        answered += 1
        return ok({})
      case 'userprogress':
        return ok({ done: answered, total: samples.length })
      case 'list':
        return ok(call.noun === 'task' ? samples.map((_, number) => task(number)) : [])
      case 'record':
        return refusal(404, 'NotFound', 'A preview has none of these.')
      case 'project':
        return ok({ ...project })
      case 'project-list':
        return ok([{ ...project }])
    }
  }
}

function ok(body: Json): Reply {
  return { status: 200, body }
}
