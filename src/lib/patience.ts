/**
 * Waits for work, but not for ever; the work itself goes on.
 *
 * @returns whether it ended (well or not) in time.
 */
export async function endsWithin(work: Promise<unknown>, milliseconds: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const patience = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, milliseconds, false)
  })
  const ended = work.then(
    () => true,
    () => true,
  )
  try {
    return await Promise.race([ended, patience])
  } finally {
    clearTimeout(timer)
  }
}
