import { InvalidError } from '../../lib/errors.ts'

/** What jsonb_typeof says. */
export type JsonKind = 'string' | 'number' | 'boolean' | 'null' | 'object' | 'array'

/** A place in JSON values: what was seen there in any of them. */
export interface KeyNode {
  readonly path: readonly string[]
  readonly kinds: Set<JsonKind>
  readonly children: Map<string, KeyNode>
}

/** A place that holds anything but objects and lists: a column. */
export interface KeyLeaf {
  readonly node: KeyNode
  /** The row that showed it first. */
  readonly row: string
}

/** All places that the values of a JSON column have. */
export interface KeyTree {
  readonly root: KeyNode
  /** In the order in which they were first seen. */
  readonly leaves: KeyLeaf[]
  /** Those that share their name with another, and are never there together with it. */
  readonly alone: Set<KeyNode>
  nNodes: number
  /** The first row that holds an object. */
  firstObject: string | undefined
}

/** One kind of thing at one place, and the row that showed it first. */
export interface KeySighting {
  readonly path: readonly string[]
  readonly kind: JsonKind
  readonly row: string
}

/** As many columns as spreadsheets have; more would be names made from contents. */
const COLUMNS_MAX = 16_384

export function createKeyTree(): KeyTree {
  return { root: newNode([]), leaves: [], alone: new Set(), nNodes: 1, firstObject: undefined }
}

function newNode(path: readonly string[]): KeyNode {
  return { path, kinds: new Set(), children: new Map() }
}

export function isContainer(kind: JsonKind): boolean {
  return kind === 'object' || kind === 'array'
}

/**
 * Adds what was seen.
 *
 * @throws InvalidError when there are more columns than a spreadsheet has.
 */
export function extendTree(tree: KeyTree, { path, kind, row }: KeySighting): void {
  let node = tree.root
  for (const [depth, key] of path.entries()) {
    let child = node.children.get(key)
    if (!child) {
      child = newNode(path.slice(0, depth + 1))
      node.children.set(key, child)
      tree.nNodes += 1
    }
    node = child
  }
  if (node === tree.root && kind === 'object') tree.firstObject ??= row
  const wasLeaf = [...node.kinds].some((known) => !isContainer(known))
  node.kinds.add(kind)
  if (wasLeaf || isContainer(kind)) return
  tree.leaves.push({ node, row })
  if (tree.leaves.length > COLUMNS_MAX) throw tooManyKeys()
}

export function tooManyKeys(): InvalidError {
  return new InvalidError(
    `The answers have more than ${COLUMNS_MAX} different keys, too many for a table. Export them as JSON instead.`,
  )
}

/** The places below the root alone, of values that are objects: what a table of the keys shows. */
export function withoutRoot(tree: KeyTree): KeyTree {
  const { root, leaves } = tree
  return {
    ...tree,
    root: { ...root, kinds: new Set<JsonKind>(['object']) },
    leaves: leaves.filter(({ node }) => node !== root),
  }
}

/** The nodes from the root to a leaf, both included. */
export function nodesTo({ root }: KeyTree, leaf: KeyNode): KeyNode[] {
  const nodes = [root]
  for (const key of leaf.path) {
    const next = nodes.at(-1)?.children.get(key)
    if (next) nodes.push(next)
  }
  return nodes
}

/** The order in which jsonb has two places of one value: shorter keys first, then by their bytes. */
function comparePlaces(a: KeyNode, b: KeyNode): number {
  const depth = a.path.findIndex((key, index) => key !== b.path[index])
  const [one, other] = [Buffer.from(a.path[depth] ?? ''), Buffer.from(b.path[depth] ?? '')]
  return one.length - other.length || Buffer.compare(one, other)
}

/** A column of a table: one place, or several that share a name and fill its columns in turn. */
export interface FlatColumn {
  readonly name: string
  readonly leaf: KeyLeaf
  readonly places: readonly KeyNode[]
  /** Which of the places that a row has: 0 is the first. */
  readonly nth: number
}

/**
 * A tree's places as columns, names joined by a single underscore as in PyBossa's exports: `info_a_b`, lists by position
 * `info_list_0`. Empty objects and lists leave no column. Where several places of a row lead to one name (`a_b`, and `b`
 * in `a`), all but the first get a number: `a_b.1`.
 *
 * @param taken a name that another column has.
 */
export function flatColumns({ leaves, alone }: KeyTree, prefix: string, taken?: string): FlatColumn[] {
  const nameOf = ({ node }: KeyLeaf) => [...(prefix === '' ? [] : [prefix]), ...node.path].join('_')
  const byName = Map.groupBy(leaves, nameOf)
  const names = new Set([...byName.keys(), ...(taken === undefined ? [] : [taken])])
  const nthOf = new Map<string, number>()
  return leaves
    .filter(({ node }) => !alone.has(node))
    .map((leaf) => {
      const name = nameOf(leaf)
      const places = (byName.get(name) ?? []).map(({ node }) => node).toSorted(comparePlaces)
      const nth = nthOf.get(name) ?? 0
      nthOf.set(name, nth + 1)
      return { name: nth === 0 && name !== taken ? name : numbered(name, names), leaf, places, nth }
    })
}

function numbered(name: string, names: Set<string>): string {
  let number = 1
  while (names.has(`${name}.${number}`)) number += 1
  names.add(`${name}.${number}`)
  return `${name}.${number}`
}
