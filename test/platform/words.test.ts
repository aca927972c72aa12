import assert from 'node:assert/strict'
import { test } from 'node:test'
import nunjucks from 'nunjucks'
import { addWords } from '../../src/platform/words.ts'

const pages = new nunjucks.Environment(null, { autoescape: true })
addWords(pages)

const link = '{% macro link(text) %}<a href="/x">{{ text }}</a>{% endmacro %}'

test('a value in a sentence is escaped once, whatever it says', () => {
  const owner = '<b>Ann</b> & {{owner}} $t(home.title)'
  const shown = '&lt;b&gt;Ann&lt;/b&gt; &amp; {{owner}} $t(home.title)'
  const sentence = "{{ t('projects.show.owner', {owner: owner}) }}"
  assert.equal(pages.renderString(sentence, { owner }), `A project by ${shown}.`)
  const passedOn = `{% macro label(text) %}<i>{{ text }}</i>{% endmacro %}{{ label(t('projects.show.owner', {owner: owner})) }}`
  assert.equal(pages.renderString(passedOn, { owner }), `<i>A project by ${shown}.</i>`)
})

test('markup of ours stands in a sentence as it is, what people wrote beside and in it escaped once', () => {
  const template = `${link}{{ t('email.exportReady.text', {project: link(name), file: name, count: 2, size: '1 KB'}) }}`
  assert.equal(
    pages.renderString(template, { name: '<b>' }),
    '2 rows of <a href="/x">&lt;b&gt;</a> are in &lt;b&gt; (1 KB).',
  )
})

test('plain text is not escaped', () => {
  const mails = new nunjucks.Environment(null, { autoescape: false, throwOnUndefined: true })
  addWords(mails, { strict: true })
  const template = "{{ t('projects.show.owner', {owner: owner}) }}"
  assert.equal(mails.renderString(template, { owner: 'A & <b>' }), 'A project by A & <b>.')
  assert.throws(() => mails.renderString(template, {}), /projects\.show\.owner: a value is missing/)
})

test('numbers take their plural form', () => {
  const template = "{{ t('exports.rows', {count: 1}) }}, {{ t('exports.rows', {count: 1234}) }}"
  assert.equal(pages.renderString(template, {}), '1 row, 1,234 rows')
})
