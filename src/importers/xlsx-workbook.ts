import { isTimeFormat, type CellRules } from './xlsx-cells.ts'
import { readWholeXml } from './xml-reader.ts'
import { mustNotBurst, ZipError, type OpenZip, type ZipMember } from './zip-source.ts'

/** Different texts are held in memory while their sheet is read. */
const TEXTS_LENGTH_MAX = 100_000_000

/** Texts, formats and the like, of each kind. */
const PARTS_MAX = 5_000_000

export interface Workbook extends CellRules {
  /** The first sheet that is not hidden. */
  sheet: ZipMember
}

/** What has to be known of a workbook before its first sheet is read. @throws ZipError when it is none. */
export async function openWorkbook(zip: OpenZip): Promise<Workbook> {
  for (const member of zip.members) mustNotBurst(member)
  const book = await readBook(zip)
  const paths = await readPaths(zip)
  const path = paths.get(book.sheetId ?? '')
  const sheet = path === undefined ? undefined : memberOf(zip, path)
  if (!sheet) throw new ZipError('There is no sheet in it.')
  return { sheet, from1904: book.from1904, isTime: await readStyles(zip), texts: await readTexts(zip) }
}

function memberOf({ members }: OpenZip, name: string): ZipMember | undefined {
  return members.find((member) => member.name === name)
}

async function readMember(zip: OpenZip, name: string, handler: Parameters<typeof readWholeXml>[1]) {
  const member = memberOf(zip, name)
  if (!member) return
  let nParts = 0
  let length = 0
  await readWholeXml(zip.read(member), {
    ...handler,
    open(tag, attributes) {
      nParts += 1
      for (const value of Object.values(attributes)) length += value.length
      if (nParts > PARTS_MAX || length > TEXTS_LENGTH_MAX)
        throw new ZipError('It holds too many different texts or formats.')
      handler.open?.(tag, attributes)
    },
  })
}

async function readBook(zip: OpenZip): Promise<{ sheetId: string | undefined; from1904: boolean }> {
  let sheetId: string | undefined
  let from1904 = false
  await readMember(zip, 'xl/workbook.xml', {
    open(name, attributes) {
      if (name === 'workbookPr') from1904 = /^(1|true)$/.test(attributes['date1904'] ?? '')
      if (name !== 'sheet' || /hidden/i.test(attributes['state'] ?? '')) return
      const id = Object.entries(attributes).find(([key]) => key.endsWith(':id'))
      sheetId ??= id?.[1]
    },
  })
  return { sheetId, from1904 }
}

/** Where the parts of the workbook are, by the ids it gives them. */
async function readPaths(zip: OpenZip): Promise<Map<string, string>> {
  const paths = new Map<string, string>()
  await readMember(zip, 'xl/_rels/workbook.xml.rels', {
    open(name, { Id: id, Target: target = '' }) {
      if (name !== 'Relationship' || id === undefined) return
      paths.set(id, target.startsWith('/') ? target.slice(1) : `xl/${target}`)
    },
  })
  return paths
}

async function readStyles(zip: OpenZip): Promise<boolean[]> {
  const codes = new Map<string, string>()
  const isTime: boolean[] = []
  let isInCells = false
  await readMember(zip, 'xl/styles.xml', {
    open(name, attributes) {
      const { numFmtId = '', formatCode = '' } = attributes
      if (name === 'numFmt') codes.set(numFmtId, formatCode)
      if (name === 'cellXfs') isInCells = true
      if (name === 'xf' && isInCells) isTime.push(isTimeFormat(Number(numFmtId), codes.get(numFmtId)))
    },
    close(name) {
      if (name === 'cellXfs') isInCells = false
    },
  })
  return isTime
}

async function readTexts(zip: OpenZip): Promise<string[]> {
  const texts: string[] = []
  let length = 0
  let text = ''
  let isText = false
  let isPhonetic = false
  await readMember(zip, 'xl/sharedStrings.xml', {
    open(name) {
      if (name === 'si') text = ''
      if (name === 'rPh') isPhonetic = true
      isText = name === 't' && !isPhonetic
    },
    text(part) {
      if (!isText) return
      length += part.length
      if (length > TEXTS_LENGTH_MAX) throw new ZipError('It holds too many different texts.')
      text += part
    },
    close(name) {
      isText = false
      if (name === 'rPh') isPhonetic = false
      if (name === 'si') texts.push(text)
    },
  })
  return texts
}
