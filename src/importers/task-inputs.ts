import { z } from 'zod'
import type { SentPicture } from '../domain/pictures/task-pictures.ts'
import type { TaskInput } from '../domain/tasks/task-service.ts'
import type { Json } from '../platform/schema.ts'
import type { NewTask } from './importer.ts'
import { mediaRow } from './media-keys.ts'

/** What the owner chose at the preview; kept with the import. */
export const ImportChoices = z.object({
  /** For rows that do not say how many answers they want. */
  redundancy: z.int().min(1).max(1_000).optional(),
  /** For the importer. */
  reading: z.record(z.string(), z.unknown()).default({}),
})
export type ImportChoices = z.infer<typeof ImportChoices>

/**
 * Tasks as the domain takes them.
 *
 * @param addressOf what the info of a task names its picture by; for sources that bring some.
 */
export async function* taskInputs(
  tasks: AsyncIterable<NewTask>,
  { redundancy }: Pick<ImportChoices, 'redundancy'>,
  addressOf?: (picture: SentPicture) => Promise<string>,
): AsyncGenerator<TaskInput> {
  for await (const task of tasks) {
    const { picture, nAnswers = redundancy, priority, calibration, expectedInfo, quorum } = task
    const info = picture && addressOf ? mediaRow(picture.name, await addressOf(picture)) : task.info
    yield {
      info: info as Json,
      nAnswers,
      priority,
      calibration: calibration === undefined ? undefined : Number(calibration),
      expectedInfo: expectedInfo as Json | undefined,
      quorum,
    }
  }
}
