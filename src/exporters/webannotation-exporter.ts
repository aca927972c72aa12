import { createStatementReader } from './webannotation-parts.ts'
import type { ExportPlan, Exporter } from './exporter.ts'
import { taskRows, writeJsonList } from './task-rows.ts'
import type { RunRow } from './task-rows.ts'

/** That of annotations, and behind it that of IIIF, which adds canvases, points and the motive “supplementing”. */
const CONTEXT = ['http://www.w3.org/ns/anno.jsonld', 'http://iiif.io/api/presentation/3/context.json']

/**
 * What people wrote down and marked as one page of Web Annotations (w3.org/TR/annotation-model), as IIIF's viewers read
 * them: `<short_name>_annotations.json`. Its parts are described in `webannotation-parts.ts`.
 */
export const webannotationExporter: Exporter = {
  wantsColumns: false,
  passes: 1,
  explained: `Web Annotations (w3.org/TR/annotation-model), as IIIF’s viewers read them: a page with one annotation for each text, mark or answer.
Its id is the task run’s address, with a number where there are several. Its target is what the task showed: the IIIF canvas or
the picture, the PDF document or one of its pages, or a text. The address of a text is the task’s with a JSON pointer (RFC 6901)
to where it stands in it; its characters are counted as Unicode’s code points from 0. A page of a picture that nobody could read
has no body.`,
  members: (plan) => [
    {
      name: `${plan.shortName}_annotations.json`,
      async write(write) {
        await write(`${pageHead(plan)},"items":`)
        await writeJsonList(write, itemsOf(plan))
        await write('}\n')
        return undefined
      },
    },
  ],
}

/** The page as JSON, without its end. */
function pageHead({ about: { project, licence } }: ExportPlan): string {
  const id = `${project.url}tasks/export#annotations`
  const page = {
    '@context': CONTEXT,
    id: `${id}-1`,
    type: 'AnnotationPage',
    ...(licence ? { rights: licence.url } : {}),
    partOf: { id, type: 'AnnotationCollection', label: project.name },
    startIndex: 0,
  }
  return JSON.stringify(page).slice(0, -1)
}

async function* itemsOf({ rows, about }: ExportPlan) {
  const statementsOf = createStatementReader(about)
  const { origin } = new URL(about.project.url)
  for await (const task of taskRows(rows)) {
    for (const run of task.task_run) {
      const id = `${origin}/api/taskrun/${run.id}`
      const { whole, parts } = statementsOf(task, run)
      const kept = { type: 'Annotation', ...originOf(run, origin) }
      yield* whole.map((said) => ({ id, ...kept, ...said }))
      yield* parts.map((said, index) => ({ id: `${id}#${index + 1}`, ...kept, ...said }))
    }
  }
}

function originOf({ user_id, finish_time }: RunRow, origin: string) {
  return {
    created: `${finish_time}Z`,
    ...(user_id === null ? {} : { creator: { id: `${origin}/api/user/${user_id}`, type: 'Person' } }),
  }
}
