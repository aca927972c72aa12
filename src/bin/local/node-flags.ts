/**
 * What Node is told when it runs one of our processes. A worker moves megabytes of rows and files through itself, none of
 * which live long: in young space of Node's usual size they take 50 MB for nothing, and the little that a scheduler does
 * takes 40. Others start processes of ours with the same flags: see docs/jobs.md.
 */
export const NODE_FLAGS: Readonly<Record<'worker' | 'web' | 'scheduler', readonly string[]>> = {
  worker: ['--max-semi-space-size=2'],
  web: [],
  scheduler: ['--max-semi-space-size=2'],
}
