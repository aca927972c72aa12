import assert from 'node:assert/strict'
import { test } from 'node:test'
import { remoteSourceOf } from '../../../src/web/pages/import-sources.ts'

test('PyBossa’s forms name their address in a field of their own', () => {
  const url = 'https://example.org/rows'
  assert.deepEqual(remoteSourceOf({ form_name: 'csv', csv_url: url }), { kind: 'url', url })
  assert.deepEqual(remoteSourceOf({ form_name: 'gdocs', googledocs_url: url }), { kind: 'google-sheet', url })
  assert.deepEqual(remoteSourceOf({ form_name: 'iiif', manifest_uri: url }), { kind: 'iiif', url })
  assert.deepEqual(remoteSourceOf({ form_name: 's3', bucket: 'birds' }), {
    kind: 's3',
    url: 'https://birds.s3.amazonaws.com/',
  })
  assert.equal(remoteSourceOf({ form_name: 'localCSV' }), undefined)
  assert.throws(() => remoteSourceOf({ form_name: 'csv' }), /Give a whole address/)
})
