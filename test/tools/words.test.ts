import assert from 'node:assert/strict'
import { test } from 'node:test'
import { wordProblems } from './words.ts'

const problemsOf = (template: string, catalogue: object = {}) =>
  wordProblems(new Map([['a.html', template]]), catalogue)

test('words of a template are found in texts, in what is read of tags, and in what is given to macros', () => {
  for (const template of [
    '<p>Hello</p>',
    '<p>{{ count }} tasks</p>',
    'Hello {{ name }}',
    '<img alt="A bird">',
    '<input placeholder="{{ name }} here">',
    '<b title="ünder">1</b>',
    "{{ ui.field(form, 'name', 'Name') }}",
    "{% for tab in [['a', 'two words']] %}{% endfor %}",
  ]) {
    assert.equal(problemsOf(template).length, 1, template)
  }
  assert.deepEqual(problemsOf('<p>\n<b>1</b> Hello</p>'), ['a.html:2: “Hello”: put it into the catalogue'])
})

test('markup, code, comments, signs and values are no words', () => {
  for (const template of [
    '<a class="button big" href="/about" data-title="x">{{ name }} · 5 %&nbsp;</a>',
    '<a{% if n >= 2 %} class="many"{% endif %} title="{{ name }}">{# Say hello. #}</a>',
    '{% macro described(name) %} aria-describedby="{{ name }}-hint"{% endmacro %}',
    "{% extends 'layouts/site.html' %}{{ ui.field(form, 'shortName', type='new-password') }}",
  ]) {
    assert.deepEqual(problemsOf(template), [], template)
  }
})

test('every key that is used is there, in one form or in plural forms, and every key is used', () => {
  const catalogue = { home: { title: 'Home', tasks_one: '{{count}} task', tasks_other: '{{count}} tasks' } }
  const both = "{{ t('home.title') }}{{ t('home.tasks', {count: 2}) }}"
  assert.deepEqual(problemsOf(both, catalogue), [])
  assert.deepEqual(problemsOf(`${both}{{ t('home.none') }}`, catalogue), [
    'a.html: “home.none” is not in the catalogue',
  ])
  assert.deepEqual(problemsOf("{{ t('home.title') }}", catalogue), [
    '“home.tasks” of the catalogue is used in no template',
  ])
  assert.equal(problemsOf(`${both}{{ t('home.' + name) }}{{ t(key) }}`, catalogue).length, 2)
})
