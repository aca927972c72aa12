import { z } from 'zod'
import { announcePost } from '../src/domain/notices/notice-service.ts'
import type { Job } from '../src/platform/job.ts'

const Payload = z.strictObject({ blogpostId: z.int().positive() })

declare module '../src/platform/queue.ts' {
  interface JobPayloads {
    'announce-blogpost': z.infer<typeof Payload>
  }
}

/**
 * Tells contributors who asked for a project's news of a blog post that has just been published. Safe to run twice: a
 * mail has the key of its post and reader.
 */
export const announceBlogpost: Job<'announce-blogpost'> = {
  name: 'announce-blogpost',
  payload: Payload,
  attempts: 5,
  concurrency: 1,
  backoffSeconds: 30,
  async handle(app, { blogpostId }, run) {
    await announcePost(app, run, blogpostId)
  },
}
