import { AppError } from '../lib/errors.ts'
import { parseStrictJson } from '../lib/strict-json.ts'
import type { WebFile } from '../platform/web-client.ts'

/** A manifest is one JSON text, which has to be held as a whole. */
const BYTES_MAX = 64 * 1024 * 1024
const ACCEPT = 'application/ld+json, application/json'

type Part = Readonly<Record<string, unknown>>

interface Picture {
  /** The canvas that it is painted on. */
  target: string
  /** The address of its image service, without a slash at its end; undefined when it has none. */
  service: string | undefined
  url: string | undefined
}

/** A row with PyBossa's keys for each picture of a IIIF manifest, version 2 or 3. */
export async function* manifestRows(
  url: string,
  get: (url: string, accept: string) => Promise<WebFile>,
): AsyncGenerator<Record<string, string>> {
  const manifest = await readManifest((await get(url, ACCEPT)).content)
  const canvases = canvasesOf(manifest)
  let count = 0
  for (const [index, canvas] of canvases.entries()) {
    for (const picture of picturesOf(canvas)) {
      const row = rowOf(picture, url, index)
      if (!row) continue
      count += 1
      yield row
    }
  }
  if (count === 0) throw new AppError('invalid', 'There is no picture in this manifest.')
}

async function readManifest(content: AsyncIterable<Uint8Array>): Promise<Part> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of content) {
    bytes += chunk.length
    if (bytes > BYTES_MAX) throw new AppError('too-large', 'This manifest has more than 64 MB.')
    chunks.push(chunk)
  }
  const manifest: unknown = parseStrictJson(
    Buffer.concat(chunks)
      .toString('utf8')
      .replace(/^\ufeff/, ''),
  )
  const type = isPart(manifest) ? String(manifest['type'] ?? manifest['@type']) : ''
  if (isPart(manifest) && /(^|:)Manifest$/.test(type)) return manifest
  const what = /Collection$/.test(type) ? 'a collection of manifests' : 'no IIIF manifest'
  throw new AppError('invalid', `There is ${what} at this address. Give the address of one manifest.`)
}

/** Version 3 has its canvases in `items`, version 2 in its first sequence. */
function canvasesOf(manifest: Part): Part[] {
  const items = partsOf(manifest['items'])
  return items.length > 0 ? items : partsOf(partsOf(manifest['sequences'])[0]?.['canvases'])
}

function picturesOf(canvas: Part): Picture[] {
  const target = idOf(canvas)
  const painted = partsOf(canvas['items']).flatMap((page) => partsOf(page['items']))
  const bodies = painted.flatMap(({ body }) => partsOf(body).flatMap(choicesOf))
  const resources = partsOf(canvas['images']).flatMap(({ resource }) => partsOf(resource).flatMap(choicesOf))
  return [...bodies.filter(isPicture), ...resources].map((image) => ({
    target,
    service: partsOf(image['service'])
      .map(idOf)
      .find((id) => id !== '')
      ?.replace(/\/+$/, ''),
    url: idOf(image) || undefined,
  }))
}

/** Of several versions of a picture the first one. */
function choicesOf(part: Part): Part[] {
  const type = String(part['type'] ?? part['@type'])
  if (!/Choice$/.test(type)) return [part]
  return [...partsOf(part['default']), ...partsOf(part['items'])].slice(0, 1)
}

function isPicture({ type }: Part): boolean {
  return type === 'Image'
}

function rowOf({ target, service, url }: Picture, manifest: string, index: number) {
  const link = `https://universalviewer.io/uv.html?manifest=${manifest}#?cv=${index}`
  if (service !== undefined) {
    const sized = (size: string) => `${service}/full/${size}/0/default.jpg`
    const sizes = { url: sized('max'), url_m: sized('240,'), url_b: sized('1024,') }
    return { tileSource: `${service}/info.json`, target, manifest, link, ...sizes }
  }
  return url === undefined ? undefined : { target, manifest, link, url, url_m: url, url_b: url }
}

function idOf(part: Part): string {
  const id = part['id'] ?? part['@id']
  return typeof id === 'string' ? id : ''
}

/** One thing or a list of them, without what is no object. */
function partsOf(value: unknown): Part[] {
  return (Array.isArray(value) ? value : [value]).filter(isPart)
}

function isPart(value: unknown): value is Part {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
