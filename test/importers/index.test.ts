import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { chooseImporter, findImporter, importers } from '../../src/importers/index.ts'

function chosen(fileName: string | undefined, head: string): string {
  return chooseImporter(fileName, Buffer.from(head)).name
}

test('a file is read by the importer of its name’s ending', () => {
  assert.equal(chosen('Birds.CSV', 'a,b'), 'csv')
  assert.equal(chosen('birds.tsv', 'a\tb'), 'csv')
  assert.equal(chosen('tasks.txt.json', '[]'), 'json')
  assert.equal(chosen('tasks.jsonl', '{}'), 'json')
  assert.equal(chosen('Tasks.XLSX', 'PK'), 'xlsx')
})

test('a text file or pasted text is read by how it begins', () => {
  assert.equal(chosen('tasks.txt', 'a,b\n'), 'csv')
  assert.equal(chosen('tasks.txt', '\n [{"a":1}]'), 'json')
  assert.equal(chosen(undefined, '{"a":1}\n'), 'json')
  assert.equal(chosen(undefined, 'bird,question\n'), 'csv')
  assert.equal(chosen(undefined, ''), 'csv')
  const withMark = readFileSync(new URL('task-lists/with-bom.json', import.meta.url))
  assert.equal(chooseImporter('tasks.txt', withMark).name, 'json')
})

test('other kinds of file are refused', () => {
  for (const name of ['strings.po', 'strings.properties', 'tasks.xls', 'tasks']) {
    assert.throws(() => chooseImporter(name, Buffer.from('[]')), {
      name: 'InvalidError',
      message: `“${name}” is not a kind of file that can be imported. Upload a CSV file (.csv, .tsv), a JSON file (.json, .jsonl, .ndjson), an Excel file (.xlsx) or a zip of pictures (.zip).`,
    })
  }
})

test('an importer is found again by its name', () => {
  for (const importer of importers) assert.equal(findImporter(importer.name), importer)
  assert.equal(findImporter('xls'), undefined)
})
