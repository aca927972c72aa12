import { parse } from 'acorn'
import type { AnyNode } from 'acorn'
import { parseFragment } from 'parse5'
import type { DefaultTreeAdapterMap } from 'parse5'

type TreeNode = DefaultTreeAdapterMap['node']
type TreeElement = DefaultTreeAdapterMap['element']

/** An element of a presenter's markup; places are offsets into the code. */
export interface ReadElement {
  name: string
  at: number
  attributes: ReadonlyMap<string, { value: string; at: number }>
}

/** An inline script as its syntax tree; node positions plus `at` are offsets into the code. */
export interface ReadScript {
  at: number
  nodes: readonly AnyNode[]
}

/** What a script that cannot be read breaks, and where. */
export interface BrokenScript {
  at: number
  message: string
}

export interface ReadCode {
  code: string
  elements: readonly ReadElement[]
  scripts: readonly ReadScript[]
  broken: readonly BrokenScript[]
}

/** Reads a presenter as browsers do: its markup, and the scripts inside. Nothing is run. */
export function readCode(code: string): ReadCode {
  const elements: ReadElement[] = []
  const scripts: ReadScript[] = []
  const broken: BrokenScript[] = []
  const waiting: TreeNode[] = [parseFragment(code, { sourceCodeLocationInfo: true })]
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    if ('tagName' in node) {
      const element = elementOf(node)
      if (element) elements.push(element)
      const source = inlineScript(node)
      if (source) readScript(source, scripts, broken)
    }
    if ('content' in node) waiting.push(node.content)
    if ('childNodes' in node) waiting.push(...node.childNodes)
  }
  return { code, elements: elements.sort((one, other) => one.at - other.at), scripts, broken }
}

/** Undefined for what the parser made up itself, such as a tbody. */
function elementOf({ tagName, attrs, sourceCodeLocation }: TreeElement): ReadElement | undefined {
  if (!sourceCodeLocation) return undefined
  const places = sourceCodeLocation.attrs ?? {}
  const at = sourceCodeLocation.startOffset
  return {
    name: tagName,
    at,
    attributes: new Map(
      attrs.map(({ name, value }) => [name, { value, at: places[name]?.startOffset ?? at }] as const),
    ),
  }
}

interface ScriptSource {
  text: string
  at: number
  sourceType: 'module' | 'script'
}

function inlineScript({ tagName, attrs, childNodes }: TreeElement): ScriptSource | undefined {
  if (tagName !== 'script' || attrs.some(({ name }) => name === 'src')) return undefined
  const type = attrs.find(({ name }) => name === 'type')?.value.trim() ?? ''
  if (!/^$|^module$|javascript|ecmascript/i.test(type)) return undefined
  const [text] = childNodes
  if (!text || !('value' in text) || !text.sourceCodeLocation) return undefined
  return {
    text: text.value,
    at: text.sourceCodeLocation.startOffset,
    sourceType: type === 'module' ? 'module' : 'script',
  }
}

function readScript(
  { text, at, sourceType }: ScriptSource,
  scripts: ReadScript[],
  broken: BrokenScript[],
): void {
  try {
    const options = { ecmaVersion: 'latest', sourceType, allowReturnOutsideFunction: true } as const
    scripts.push({ at, nodes: nodesOf(parse(text, options)) })
  } catch (error) {
    // Acorn throws a SyntaxError that knows its place; anything else, such as too deep a nesting, is not the owner's.
    if (!(error instanceof SyntaxError)) return
    const { pos = 0 } = error as SyntaxError & { pos?: number }
    broken.push({ at: at + pos, message: error.message.replace(/ \(\d+:\d+\)$/, '') })
  }
}

function nodesOf(root: AnyNode): AnyNode[] {
  const found: AnyNode[] = []
  const waiting = [root]
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    found.push(node)
    for (const value of Object.values(node) as unknown[]) {
      for (const child of Array.isArray(value) ? (value as unknown[]) : [value])
        if (isNode(child)) waiting.push(child)
    }
  }
  return found
}

function isNode(value: unknown): value is AnyNode {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value
}

/**
 * A name as it is written, its parts with dots between: `window.location.href`; a part that is no name is `*`, so that
 * `$('#photo').load` is `*.load`.
 */
export function writtenName(node: AnyNode): string {
  if (node.type === 'Identifier') return node.name
  if (node.type === 'ThisExpression') return 'this'
  if (node.type !== 'MemberExpression') return '*'
  const name = propertyName(node.property, node.computed)
  return `${writtenName(node.object)}.${name}`
}

function propertyName(property: AnyNode, isComputed: boolean): string {
  if (!isComputed && property.type === 'Identifier') return property.name
  return property.type === 'Literal' && typeof property.value === 'string' ? property.value : '*'
}
