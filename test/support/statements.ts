import pg from 'pg'

export interface Statement {
  readonly text: string
  readonly values: unknown[]
}

/** Every statement that this process sends to PostgreSQL while something is done, but for what only sets up a session.
 * Without the request's id behind it. */
export async function captureStatements(work: () => Promise<unknown>): Promise<Statement[]> {
  const statements: Statement[] = []
  const { prototype } = pg.Client
  const original = Reflect.get(prototype, 'query') as (...given: unknown[]) => unknown
  Reflect.set(prototype, 'query', function (this: pg.Client, ...given: unknown[]) {
    const [text, values] = given
    if (typeof text === 'string' && !text.includes('set_config'))
      statements.push({
        text: text.replace(/ \/\* [\w-]+ \*\/$/, ''),
        values: Array.isArray(values) ? values : [],
      })
    return Reflect.apply(original, this, given)
  })
  try {
    await work()
  } finally {
    Reflect.set(prototype, 'query', original)
  }
  return statements
}
