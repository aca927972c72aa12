import { z } from 'zod'
import { drawPicture } from '../src/domain/pictures/picture-service.ts'
import type { Job } from '../src/platform/job.ts'

const Payload = z.strictObject({ uploadId: z.int().positive() })

declare module '../src/platform/queue.ts' {
  interface JobPayloads {
    'draw-picture': z.infer<typeof Payload>
  }
}

/**
 * Draws the pictures that pages show of a project's or a person's upload. Safe to run twice: the same names get the same
 * pictures, and an upload that was replaced meanwhile is left alone.
 */
export const drawPictureJob: Job<'draw-picture'> = {
  name: 'draw-picture',
  payload: Payload,
  attempts: 5,
  concurrency: 1,
  backoffSeconds: 5,
  async handle(app, { uploadId }, run) {
    await drawPicture(app, run, uploadId)
  },
}
