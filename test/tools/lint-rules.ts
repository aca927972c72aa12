import type { Rule } from 'eslint'
import { basename } from 'node:path'
import { badFileName, emptyWordIn, synonymIn } from './vocabulary.ts'

interface VocabularyOptions {
  readonly allowed?: readonly string[]
}

/** Anything of typescript-eslint's tree: it has kinds of nodes that ESTree's types do not know. */
type AnyNode = Rule.Node & { readonly [part: string]: unknown }

/**
 * Names that we give (not those we use) keep to the vocabulary. Names that other libraries give reach our code as
 * imports, object keys and unrenamed destructuring, which are left alone; our own are declared somewhere, and seen there.
 */
export const vocabulary: Rule.RuleModule = {
  meta: {
    type: 'suggestion',
    schema: [
      {
        type: 'object',
        properties: { allowed: { type: 'array', items: { type: 'string' } } },
        additionalProperties: false,
      },
    ],
  },
  create(context) {
    const { allowed = [] } = (context.options[0] ?? {}) as VocabularyOptions
    const check = (node: unknown, alsoEmpty = false) => {
      const name = declaredName(node)
      if (name === undefined) return
      const message = synonymIn(name, allowed) ?? (alsoEmpty ? emptyWordIn(name) : undefined)
      if (message !== undefined) context.report({ node: node as Rule.Node, message })
    }
    const checkPattern = (pattern: unknown): void => {
      for (const identifier of boundIdentifiers(pattern as AnyNode | null)) check(identifier)
    }
    const checkCallable = (node: unknown) => {
      const callable = node as AnyNode
      check(callable['id'], true)
      for (const parameter of callable['params'] as AnyNode[]) checkPattern(parameter)
    }
    const checkKey = (node: unknown) => {
      const member = node as AnyNode
      if (member['computed'] !== true) check(member['key'])
    }
    const checkId = (node: unknown) => {
      check((node as AnyNode)['id'], true)
    }
    return {
      Program(node) {
        const message = badFileName(basename(context.filename), allowed)
        if (message !== undefined) context.report({ node, message })
      },
      VariableDeclarator(node) {
        checkPattern(node.id)
      },
      FunctionDeclaration: checkCallable,
      FunctionExpression: checkCallable,
      ArrowFunctionExpression: checkCallable,
      TSEmptyBodyFunctionExpression: checkCallable,
      TSDeclareFunction: checkCallable,
      TSFunctionType: checkCallable,
      TSMethodSignature(node: unknown) {
        checkKey(node)
        for (const parameter of (node as AnyNode)['params'] as AnyNode[]) checkPattern(parameter)
      },
      TSPropertySignature: checkKey,
      PropertyDefinition: checkKey,
      MethodDefinition: checkKey,
      ClassDeclaration: checkId,
      TSInterfaceDeclaration: checkId,
      TSTypeAliasDeclaration: checkId,
      CatchClause(node) {
        checkPattern(node.param)
      },
    }
  },
}

function declaredName(node: unknown): string | undefined {
  const named = node as { type?: string; name?: string } | null | undefined
  return named?.type === 'Identifier' || named?.type === 'PrivateIdentifier' ? named.name : undefined
}

/** The identifiers that a pattern binds to a name of our choice. */
function boundIdentifiers(pattern: AnyNode | null): AnyNode[] {
  switch (pattern?.type as string | undefined) {
    case 'Identifier':
      return [pattern as AnyNode]
    case 'ObjectPattern':
      return (pattern?.['properties'] as AnyNode[]).flatMap(boundByProperty)
    case 'ArrayPattern':
      return (pattern?.['elements'] as (AnyNode | null)[]).flatMap(boundIdentifiers)
    case 'AssignmentPattern':
      return boundIdentifiers(pattern?.['left'] as AnyNode)
    case 'RestElement':
      return boundIdentifiers(pattern?.['argument'] as AnyNode)
    default:
      return []
  }
}

function boundByProperty(property: AnyNode): AnyNode[] {
  if ((property.type as string) === 'RestElement') return boundIdentifiers(property)
  return property['shorthand'] === true ? [] : boundIdentifiers(property['value'] as AnyNode)
}

type TemplateLiteral = Parameters<NonNullable<Rule.RuleListener['TemplateLiteral']>>[0]

const BUILDERS = new Set([
  'selectFrom',
  'insertInto',
  'updateTable',
  'deleteFrom',
  'mergeInto',
  'replaceInto',
  'selectNoFrom',
])

const STATEMENT =
  /^\s*(?:with\s+\w+(?:\s*\([^)]*\))?\s+as\s*(?:materialized\s*)?\(|select\s[^;]*\sfrom\s|select\s+\w+\s*\(|insert\s+into\s|update\s+\w+\s+set\s|delete\s+from\s|truncate\s|(?:create|alter|drop)\s+(?:table|index|function|role|database|schema)\s|copy\s+(?:\(|\w+\s+(?:\(|from|to))|set\s+(?:local|role|session)\s|listen\s+\w|notify\s+\w|lock\s+table\s)/i

/** SQL stands in repositories, stores and .sql files only: statements and Kysely's query builders are found here. */
export const noSql: Rule.RuleModule = {
  meta: { type: 'problem', schema: [] },
  create(context) {
    const report = (node: Rule.Node) => {
      context.report({
        node,
        message: 'SQL belongs in src/domain/*/*-repository.ts, src/platform/*-store.ts or a .sql file',
      })
    }
    return {
      CallExpression(node) {
        const { callee } = node
        if (callee.type !== 'MemberExpression') return
        const { property } = callee
        if (property.type !== 'Identifier') return
        const [first] = node.arguments
        const sends =
          property.name === 'query' && first?.type === 'Literal' && typeof first.value === 'string'
        if (sends || BUILDERS.has(property.name)) report(node)
      },
      TaggedTemplateExpression(node) {
        const tag = node.tag.type === 'MemberExpression' ? node.tag.object : node.tag
        if (tag.type === 'Identifier' && tag.name === 'sql') report(node)
      },
      Literal(node) {
        if (typeof node.value === 'string' && STATEMENT.test(node.value)) report(node)
      },
      TemplateLiteral(node) {
        if (node.parent.type !== 'TaggedTemplateExpression' && STATEMENT.test(textOf(node))) report(node)
      },
    }
  },
}

/** A template's text with a word in each gap, so that `update ${table} set` is seen. */
function textOf(template: TemplateLiteral): string {
  return template.quasis.map((quasi) => quasi.value.cooked ?? '').join('x')
}

/** What lasts longer than a transaction: a pooler gives the connection to somebody else at its end. */
const SESSION_STATE =
  /\bpg_(?:try_)?advisory_(?:lock|unlock)|\bwith\s+hold\b|^\s*(?:un)?listen\s+(?:\w+|"[^"]+"|\*)\s*;?\s*$|^\s*set\s+(?!local\b|transaction\b|constraints\b)(?:session\s+\w|role\b|time\s+zone\b|\w+\s*(?:=|\sto\s))|\bset_config\s*\([^()]*(?:\([^()]*\)[^()]*)*,\s*false\s*\)|^\s*(?:prepare|execute|deallocate|discard)\s+\w+\s*(?:$|\(|as\b)|\bcreate\s+temp(?:orary)?\s+table(?![\s\S]*\bon\s+commit\s+drop\b)/i

/** Connections run behind PgBouncer in transaction mode: no statement names, session settings, session locks or listeners. */
export const noSessionState: Rule.RuleModule = {
  meta: { type: 'problem', schema: [] },
  create(context) {
    const report = (node: Rule.Node) => {
      context.report({
        node,
        message:
          'A pooler in transaction mode gives the connection to somebody else: use SET LOCAL, pg_advisory_xact_lock, ON COMMIT DROP, and no statement names',
      })
    }
    return {
      Literal(node) {
        if (typeof node.value === 'string' && lastsLonger(node.value)) report(node)
      },
      TemplateLiteral(node) {
        if (lastsLonger(textOf(node))) report(node)
      },
      ObjectExpression(node) {
        const keys = node.properties.flatMap((property) =>
          property.type === 'Property' && property.key.type === 'Identifier' ? [property.key.name] : [],
        )
        const isQuery =
          keys.includes('values') || (node.parent.type === 'CallExpression' && calls(node.parent, 'query'))
        if (isQuery && keys.includes('name') && keys.includes('text')) report(node)
      },
    }
  },
}

/** Whether a statement leaves something behind that the next user of its connection would meet. */
export function lastsLonger(text: string): boolean {
  const isSentence = /^Set\s/.test(text)
  return !isSentence && SESSION_STATE.test(text)
}

function calls({ callee }: { callee: { type: string } }, method: string): boolean {
  const { property } = callee as { property?: { name?: string } }
  return property?.name === method
}

const UNWANTED_COMMENTS = [
  {
    pattern: /\b(?:TODO|FIXME|XXX|HACK)\b/,
    message: 'Finish it, or open an issue: nothing unfinished in the code',
  },
  {
    pattern: /biome-ignore|eslint-(?:disable|enable)|prettier-ignore|\b[cv]8 ignore|node:coverage|@ts-/,
    message: 'Mend what a check finds; none is switched off in the code',
  },
]

/** Comments that put something off, or that switch a check off. */
export const noUnwantedComments: Rule.RuleModule = {
  meta: { type: 'problem', schema: [] },
  create(context) {
    return {
      Program() {
        for (const comment of context.sourceCode.getAllComments()) {
          const found = UNWANTED_COMMENTS.find(({ pattern }) => pattern.test(comment.value))
          if (found && comment.loc) context.report({ loc: comment.loc, message: found.message })
        }
      },
    }
  },
}
