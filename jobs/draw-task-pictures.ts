import { z } from 'zod'
import { drawTaskPictures } from '../src/domain/pictures/task-thumbnails.ts'
import type { Job } from '../src/platform/job.ts'

const Payload = z.strictObject({ projectId: z.int().positive(), afterId: z.int().nonnegative() })

declare module '../src/platform/queue.ts' {
  interface JobPayloads {
    'draw-task-pictures': z.infer<typeof Payload>
  }
}

/**
 * Draws what owners see of the pictures that came in a zip, some at a time; apart from `draw-picture`, which somebody waits
 * for. Safe to run twice: the same names get the same pictures, and what was drawn is left alone.
 */
export const drawTaskPicturesJob: Job<'draw-task-pictures'> = {
  name: 'draw-task-pictures',
  payload: Payload,
  attempts: 5,
  concurrency: 1,
  backoffSeconds: 30,
  async handle(app, payload, run) {
    await drawTaskPictures(app, run, payload)
  },
}
