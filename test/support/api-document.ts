import { Ajv2020 } from 'ajv/dist/2020.js'
import type { ValidateFunction } from 'ajv'
import type { ApiDocument } from '../../src/web/api/openapi.ts'
import type { Answered } from '../../src/web/server.ts'

/**
 * Compares what the API answers with what its document says.
 *
 * @param readDocument called at the first answer: most tests' sites ask no API.
 * @returns says in which way an answer is not as described; undefined when it is.
 */
export function compareWith(readDocument: () => ApiDocument): (answered: Answered) => string | undefined {
  const ajv = new Ajv2020({ strict: false, validateFormats: false })
  let read: ApiDocument | undefined
  const documentOf = () => {
    if (read) return read
    read = readDocument()
    ajv.addSchema(read, 'document')
    return read
  }
  const validators = new Map<string, ValidateFunction>()

  return ({ method, path, status, body }) => {
    if (!path.startsWith('/api/') || path.includes('*') || path === '/api/openapi.json') return undefined
    const name = path.replace(/:(\w+)/g, '{$1}')
    const verb = method === 'HEAD' ? 'get' : method.toLowerCase()
    const said = `${method} ${name}: ${status}`
    const response = documentOf().paths[name]?.[verb]?.responses[status]
    if (!response) return `${said} is not in the document`
    if (!response.content?.['application/json'] || method === 'HEAD') return undefined
    const pointer = [
      'paths',
      name,
      verb,
      'responses',
      String(status),
      'content',
      'application/json',
      'schema',
    ]
    const ref = `document#/${pointer.map((part) => encodeURIComponent(part.replace(/\//g, '~1'))).join('/')}`
    const validator = validators.get(ref) ?? ajv.compile({ $ref: ref })
    validators.set(ref, validator)
    const json: unknown = JSON.parse(JSON.stringify(body ?? null))
    if (validator(json)) return undefined
    return `${said}: ${ajv.errorsText(validator.errors)} in ${JSON.stringify(json).slice(0, 500)}`
  }
}
