import assert from 'node:assert/strict'
import test from 'node:test'
import { exportFileName, fileShortName } from '../../src/exporters/file-names.ts'

test("a zip is named by project, what it holds and its format, as PyBossa's", () => {
  const project = { id: 1, shortName: 'test-app' }
  assert.equal(exportFileName(project, 'task_run', 'json'), '1_test-app_task_run_json.zip')
})

test('short names are transliterated to what file names may hold everywhere', () => {
  assert.equal(fileShortName('vögel'), 'vogel')
  assert.equal(fileShortName('птицы'), 'ptitsy')
  assert.equal(fileShortName('my project'), 'my_project')
  assert.equal(fileShortName('../../etc/passwd'), 'etc_passwd')
  assert.equal(fileShortName('.hidden.'), 'hidden')
  assert.equal(fileShortName('…'), 'project')
})
