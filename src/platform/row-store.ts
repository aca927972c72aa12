import { sql } from 'kysely'
import { listRows } from './list-store.ts'
import type { ColumnType, ListedField, ListSource } from './list-query.ts'
import type { Db, Tx } from './postgres.ts'
import type { DB } from './schema.ts'

/** A table whose rows are listed, read and written under the domain's names of its columns. */
export interface Table<Field extends string = string> extends ListSource {
  readonly name: keyof DB
  readonly columns: Readonly<Record<Field, string>>
  readonly fields: Readonly<Record<Field, ListedField>>
}

type Columns<T extends keyof DB, Field extends string> = Readonly<
  Record<Field, readonly [column: keyof DB[T] & string, type: ColumnType]>
>

/** A table with an `id`. One with a project_id holds rows of projects, one with `published` rows that may be hidden. */
export function tableOf<T extends keyof DB, Field extends string>(
  name: T,
  columns: Columns<T, Field>,
): Table<Field> {
  const entries = Object.entries<Columns<T, Field>[Field]>(columns)
  const ofEach = <V>(value: (column: string, type: ColumnType) => V) =>
    // The keys are those of the columns, which Object.entries forgets.
    Object.fromEntries(entries.map(([field, [column, type]]) => [field, value(column, type)])) as Record<
      Field,
      V
    >
  const sqlOf = (column: string) =>
    entries.some(([, [known]]) => known === column) ? `${name}.${column}` : undefined
  const [projectId, published] = [sqlOf('project_id'), sqlOf('published')]
  return {
    name,
    from: name,
    id: `${name}.id`,
    ...(projectId === undefined ? {} : { projectId }),
    ...(published === undefined ? {} : { published }),
    columns: ofEach((column) => column),
    fields: ofEach((column, type) => ({ sql: `${name}.${column}`, type })),
  }
}

/** One row, whoever may see it. */
export async function findRow<Row extends object>(
  db: Db,
  table: Table<keyof Row & string>,
  id: number,
): Promise<Row | undefined> {
  const filters = [{ field: 'id', values: [String(id)] }]
  const page = { orderBy: 'id', desc: false, limit: 1, offset: 0, readableBy: 'everything' } as const
  const [row] = await listRows<Row>(db, table, { filters, ...page })
  return row
}

/** Keeps others from changing a row until the transaction ends. */
export async function lockRow(tx: Tx, table: Table, id: number): Promise<void> {
  await sql`select from ${sql.table(table.name)} where id = ${id} for update`.execute(tx)
}

/** Adds a row; the columns that `values` leaves out have their defaults. */
export async function insertRow(
  tx: Tx,
  table: Table,
  values: Readonly<Record<string, unknown>>,
): Promise<number> {
  const given = givenColumns(table, values)
  const { rows } = await sql<{ id: number }>`
    insert into ${sql.table(table.name)} (${sql.join(given.map(({ column }) => sql.ref(column)))})
    values (${sql.join(given.map(({ value }) => value))}) returning id`.execute(tx)
  const [row] = rows
  if (!row) throw new Error(`A row of ${table.name} was not stored`)
  return row.id
}

/** Changes what is given of a row, and its time of change where it has one. */
export async function updateRow(
  tx: Tx,
  table: Table,
  id: number,
  values: Readonly<Record<string, unknown>>,
): Promise<void> {
  const given = givenColumns(table, values)
  if (given.length === 0) return
  const changes = given.map(({ column, value }) => sql`${sql.ref(column)} = ${value}`)
  if (Object.hasOwn(table.columns, 'updated')) changes.push(sql`updated = now()`)
  await sql`update ${sql.table(table.name)} set ${sql.join(changes)} where id = ${id}`.execute(tx)
}

/** Removes a row: false when it was gone already. */
export async function deleteRow(tx: Tx, table: Table, id: number): Promise<boolean> {
  const { numAffectedRows } = await sql`delete from ${sql.table(table.name)} where id = ${id}`.execute(tx)
  return numAffectedRows === 1n
}

function givenColumns({ name, columns, fields }: Table, values: Readonly<Record<string, unknown>>) {
  return Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([field, value]) => {
      const column = columns[field]
      if (column === undefined) throw new Error(`${name} has no column for ${field}`)
      return { column, value: fields[field]?.type === 'json' ? JSON.stringify(value) : value }
    })
}
