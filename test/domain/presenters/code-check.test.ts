import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkCode } from '../../../src/domain/presenters/code-check.ts'
import type { CheckedFor } from '../../../src/domain/presenters/code-check.ts'

const PRESENTER: CheckedFor = { shortName: 'birds', part: 'presenter', hasOwnHosts: true }
/** What every presenter does. */
const RUNS = `<script>
pybossa.presentTask(function (task, deferred) { pybossa.saveTask(task, 'yes').done(deferred.resolve) })
pybossa.run('birds')
</script>
`

/** The rules that a piece of code breaks, each with its line, in a presenter that is well otherwise. */
function found(code: string, more: Partial<CheckedFor> = {}): string[] {
  return checkCode(RUNS + code, { ...PRESENTER, ...more }).map(({ rule, line }) => `${rule} ${line - 4}`)
}

test('a presenter that does what presenters do gets no warning', () => {
  const code = `<h1 id="title">Birds</h1><img id="photo" src="https://example.org/a.jpg">
<script src="https://cdn.example.org/libs/d3.js"></script>
<script type="text/x-template"><div id="title">{{ not a script }}</div></script>
<script>
$('#photo').load(function () { $('#title').show() })
$.getJSON('/api/task/' + 5); fetch('https://other.example/data'); fetch(\`/api/project/\${1}/newtask\`)
window.location.hash = 'a'; var parent = $('#photo').parent(); history.length
</script>`
  assert.deepEqual(found(code), [])
  assert.deepEqual(checkCode('', PRESENTER), [])
})

test('a script that cannot be read is named with its line and column', () => {
  const [warning] = checkCode(`<p>\n<script>\nvar a = 1\n  var b = ;\n</script>`, PRESENTER)
  assert.equal(warning?.rule, 'syntax')
  assert.deepEqual([warning.line, warning.column], [4, 11])
  assert.match(warning.text, /Unexpected token/)
  assert.deepEqual(found('<script type="module">\nimport a from "b"; await a()\n</script>'), [])
  assert.deepEqual(found('<script>import a from "b"</script>'), ['syntax 1'])
})

test('scripts, styles and frames over http are refused by browsers; pictures come by https', () => {
  const code = `<script src="http://example.org/d3.js"></script>
<link rel="stylesheet" href="http://example.org/a.css">
<iframe src="http://example.org/"></iframe>
<img src="http://example.org/a.jpg">`
  assert.deepEqual(found(code), ['insecure-address 1', 'insecure-address 2', 'insecure-address 3'])
})

test('hosts that are gone are named, with where to go instead', () => {
  const [warning] = checkCode(`${RUNS}<script src="https://raw.github.com/a/b/x.js"></script>`, PRESENTER)
  assert.match(warning?.text ?? '', /raw\.github\.com sends .* from cdn\.jsdelivr/)
  const dead = ['www.openlayers.org/api/2.11/OpenLayers.js', 'cdn.rawgit.com/a', 'x.googlecode.com/a.js']
  for (const address of dead)
    assert.deepEqual(found(`\n<script src="//${address}"></script>`), ['gone-host 2'], address)
})

test('reaching for the page around the frame is noticed', () => {
  assert.deepEqual(found('<script>\nwindow.parent.document.title\n</script>'), ['page-around 2'])
  assert.deepEqual(found('<script>if (top.location != self.location) go()</script>'), ['page-around 1'])
})

test('navigation after saving is noticed, and reading the address is not', () => {
  const code = `<script>
window.location.pathname = '/project/birds/newtask'
location.href = 'https://example.org'
window.location = '/'
location.replace('/')
if (location.pathname === '/') go()
</script>`
  assert.deepEqual(found(code), ['navigation 2', 'navigation 3', 'navigation 4', 'navigation 5'])
})

test('the SDK of Facebook is noticed by its script and by its calls', () => {
  assert.deepEqual(found('<script src="https://connect.facebook.net/en_US/all.js"></script>'), ['facebook 1'])
  assert.deepEqual(found('<script>\nFB.init({})\n</script>'), ['facebook 2'])
})

test('players of others are noticed where presenters have no hosts of their own', () => {
  const code = '<iframe src="https://www.youtube.com/embed/1"></iframe>'
  assert.deepEqual(found(code), [])
  assert.deepEqual(found(code, { hasOwnHosts: false }), ['nested-player 1'])
})

test('writing the address bar is noticed', () => {
  assert.deepEqual(found(`<script>\nhistory.pushState({}, '', '/a')\nwindow.onpopstate = go\n</script>`), [
    'address-bar 2',
    'address-bar 3',
  ])
})

test('a presenter that asks for no task, or saves none, is told so; a tutorial is not', () => {
  const rules = (code: string, part: CheckedFor['part'] = 'presenter') =>
    checkCode(code, { ...PRESENTER, part }).map(({ rule }) => rule)
  assert.deepEqual(rules('<p>Hello</p>'), ['no-run', 'no-save'])
  assert.deepEqual(rules(`<script>pybossa.run('birds')</script>`), ['no-save'])
  assert.deepEqual(rules(`<script>pybossa.run('birds'); $.ajax({ url: '/api/taskrun' })</script>`), [])
  assert.deepEqual(rules('<p>Hello</p>', 'tutorial'), [])
  // What its own file does nobody knows here; of libraries one does.
  assert.deepEqual(rules('<script src="https://example.org/presenter.js"></script>'), [])
  assert.deepEqual(rules('<script src="https://example.org/jquery.js"></script>'), ['no-run', 'no-save'])
})

test('the short name of another project is noticed', () => {
  const [warning] = checkCode(RUNS.replace("'birds'", "'flickrperson'"), PRESENTER)
  assert.deepEqual([warning?.rule, warning?.line], ['other-project', 3])
  assert.match(warning?.text ?? '', /“flickrperson”.*“birds”/)
  assert.deepEqual(found(`<script>pybossa.userProgress('x')</script>`), ['other-project 1'])
  assert.deepEqual(found(`<script>pybossa.run('bi' + 'rds')</script>`), [])
})

test('an id that is given twice is noticed where it comes again', () => {
  assert.deepEqual(found('<p id="a">\n<p id="b">\n<p id="a">'), ['same-id 3'])
})

test('events that jQuery 3 has no more are noticed where it is loaded', () => {
  const code = `<script>\n$('img').load(function () {})\n$('img').error(() => 1)\n$('#a').load('https://a.example/')\n</script>`
  assert.deepEqual(found(code), [])
  for (const address of ['jquery-3.7.1.min.js', 'jquery@3/dist/jquery.js', 'jquery/3.6.0/jquery.min.js']) {
    const three = `<script src="https://example.org/${address}"></script>`
    assert.deepEqual(found(three + code), ['jquery-3 2', 'jquery-3 3'], address)
  }
  assert.deepEqual(
    found(`<script src="https://example.org/jquery.cookie/1.4.1/jquery.cookie.js"></script>${code}`),
    [],
  )
})

test('files at relative addresses are noticed, except those that frames get', () => {
  const code = `<script src="/static/js/pybossa/pybossa.js"></script><script src="/static/vendor/jquery.min.js?v=1"></script><img src="/uploads/user_1/a.png">
<script src="/static/js/own-theme.js"></script>
<img src="images/a.png">
<img src="{{ task.info.url }}"><img src="data:image/png;base64,AA"><a href="../tutorial">Tutorial</a>`
  assert.deepEqual(found(code), ['file-not-here 2', 'file-not-here 3'])
})

test('for a library that the frame has not, the place to take it from is named', () => {
  const code = `<script src="/static/js/vendor/ol3photomask.js"></script>
<link rel="stylesheet" href="/static/vendor/ol.css">
<script src="/static/vendor/fancybox/helpers/jquery.fancybox-buttons.js?v=1.0.5"></script>
<script src="/static/vendor/fancybox/jquery.fancybox.pack.js?v=2.1.5"></script>
<script src="/static/js/d3.v2.min.js"></script>`
  const [script, style, helper, ...others] = checkCode(code, { ...PRESENTER, part: 'tutorial' })
  assert.match(script?.text ?? '', /openlayers@3\.20\.1\/dist\/ol\.js/)
  assert.match(style?.text ?? '', /openlayers@3\.20\.1\/dist\/ol\.css/)
  assert.match(helper?.text ?? '', /leave its helpers out/)
  assert.deepEqual([script?.line, style?.line, helper?.line, others.length], [1, 2, 3, 0])
})

test('requests to what a presenter cannot reach on the site are noticed', () => {
  const code = `<script>
$.ajax({ url: '/api/user' })
$.get("/account/profile")
fetch('/z3950/search?q=' + 1)
var r = new XMLHttpRequest(); r.open('GET', '/admin')
$.ajax({ url: '/api/taskrun', type: 'POST' }); $.get('/api/task?limit=1')
</script>`
  assert.deepEqual(found(code), [
    'request-refused 2',
    'request-refused 3',
    'request-refused 4',
    'request-refused 5',
  ])
})

test('an API key in the code is noticed wherever it stands', () => {
  const key = 'api_key=0f3c9e7a-2d51-4b88-9c1e-7b2d5a6e4f10'
  assert.deepEqual(found(`<a href="https://example.org/?${key}">x</a>`), ['api-key 1'])
  assert.deepEqual(found(`<!-- ${key} -->\n<script>\nvar o = { api_key: '0f3c9e7a2d514b88' }\n</script>`), [
    'api-key 1',
    'api-key 3',
  ])
  assert.deepEqual(found('<script>go("?api_key=" + key)</script>'), [])
})

test('hostile code is read within its bounds', () => {
  const deep = '<div>'.repeat(20_000) + `<script>${'('.repeat(20_000)}</script>`
  assert.ok(checkCode(deep, PRESENTER).length >= 1)
  assert.deepEqual(
    checkCode('<p>x</p>'.repeat(200_000), PRESENTER).map(({ rule }) => rule),
    ['too-long'],
  )
  assert.equal(checkCode('<p id="a">\n'.repeat(1_000), PRESENTER).length, 100)
})
