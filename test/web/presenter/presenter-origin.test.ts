import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  canUseOwnHosts,
  presenterOriginOf,
  projectOfHost,
} from '../../../src/web/presenter/presenter-origin.ts'

const local = 'http://p{id}.presenter.localhost:3000'
const remote = 'https://p{id}.example-presenters.org'

test('each project has an origin of its own', () => {
  assert.equal(presenterOriginOf(local, 12), 'http://p12.presenter.localhost:3000')
  assert.equal(presenterOriginOf(remote, 7), 'https://p7.example-presenters.org')
})

test('a presenter host tells its project, and no other host does', () => {
  assert.equal(projectOfHost(local, 'p12.presenter.localhost:3000'), 12)
  assert.equal(projectOfHost(local, 'P12.Presenter.LOCALHOST:3000'), 12)
  assert.equal(projectOfHost(remote, 'p7.example-presenters.org'), 7)
  for (const host of [
    '',
    'localhost:3000',
    'p12.presenter.localhost',
    'p12.presenter.localhost:3001',
    'p.presenter.localhost:3000',
    'p0.presenter.localhost:3000',
    'p01.presenter.localhost:3000',
    'p1x.presenter.localhost:3000',
    'p-1.presenter.localhost:3000',
    'p1.p2.presenter.localhost:3000',
    'q12.presenter.localhost:3000',
    'p99999999999999999.presenter.localhost:3000',
    'p12.presenter.localhost:3000.evil.example',
  ]) {
    assert.equal(projectOfHost(local, host), undefined, host)
  }
  assert.equal(projectOfHost('https://presenters.example.org', 'presenters.example.org'), undefined)
})

test('hosts below .localhost serve pages of the same machine only', () => {
  const site = 'http://localhost:3000'
  for (const page of ['localhost:3000', '127.0.0.1:3000', '[::1]:3000', 'site.localhost']) {
    assert.equal(canUseOwnHosts(local, site, page), true, page)
  }
  for (const page of [
    '192.168.1.5:3000',
    'manyhands.local:3000',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
  ]) {
    assert.equal(canUseOwnHosts(local, site, page), false, page)
  }
  assert.equal(canUseOwnHosts(local, 'http://192.168.1.5:3000', '192.168.1.5:3000'), false)
})

test('a domain for presenters serves the configured site, its own domain and the machine itself', () => {
  const site = 'https://manyhands.example.net'
  for (const page of [
    'manyhands.example.net',
    'www.example-presenters.org',
    'example-presenters.org',
    'localhost:3000',
  ]) {
    assert.equal(canUseOwnHosts(remote, site, page), true, page)
  }
  for (const page of ['203.0.113.7', 'mirror.example.net', 'evil-example-presenters.org']) {
    assert.equal(canUseOwnHosts(remote, site, page), false, page)
  }
})

test('a pattern without a place for the project means opaque frames', () => {
  assert.equal(canUseOwnHosts('https://presenters.example.org', 'https://example.org', 'example.org'), false)
})
