import type { BrowserContext } from 'playwright-core'
import type { Json } from '../../src/platform/schema.ts'

/**
 * Presenters in the manner of those that owners wrote for PyBossa: what each relies on, in a few lines of our own. A
 * library that such a presenter brings along is a stub with the part of it that is called.
 */
export interface WildPresenter {
  /** SITE stands for the site's address. */
  code: string
  info: Json
  /** What somebody presses or fills in, in this order. */
  actions: readonly ({ press: string } | { fill: string; text: string } | { clickOn: string })[]
  /** The info of the task run. */
  expected: unknown
  prepare?(context: BrowserContext): Promise<unknown>
}

/** Buttons, counters, and the loop as nearly all of them have it. */
function classic(markup: string, load: string, present: string): string {
  return `
    <div class="row"><div class="col-md-12">
      <div id="success" class="alert alert-success" style="display:none"><a class="close">×</a>Saved</div>
      <div id="error" class="alert alert-error hide">Something went wrong</div>
      <div id="loading"><i class="icon-spinner icon-spin fa fa-spinner fa-spin"></i> Loading</div>
      <div class="skeleton">${markup}<span id="task-id" style="display:none"></span>
        <div class="progress"><div id="progress" rel="tooltip" data-original-title="Your progress" class="bar progress-bar"></div></div>
        <span id="done"></span>/<span id="total"></span></div>
      <div id="finish" style="display:none">Finished</div>
    </div></div>
    <script>
      var messages = { en: { i18n_yes: 'Yes' }, es: { i18n_yes: 'Sí' } }
      $('#progress').tooltip()
      function save(task, deferred, taskRun) {
        pybossa.saveTask($('#task-id').text(), taskRun).done(function () {
          $('#success').fadeIn(10)
          deferred.resolve()
        }).fail(function () { $('#error').show() })
      }
      $(document).ready(function () {
        var locale = $('#PYBOSSA_USER_LOCALE').text().trim()
        Object.keys(messages[locale]).forEach(function (id) { $('#' + id).html(messages[locale][id]) })
      })
      pybossa.taskLoaded(function (task, deferred) {
        if ($.isEmptyObject(task)) return deferred.resolve(task)
        ${load || 'deferred.resolve(task)'}
      })
      pybossa.presentTask(function (task, deferred) {
        if ($.isEmptyObject(task)) {
          $('.skeleton, #loading').hide()
          $('#finish').fadeIn(10)
          return
        }
        $('#task-id').html(task.id)
        $('#loading').hide()
        pybossa.userProgress('some-name').done(function (own) {
          $('#done').text(own.done)
          $('#total').text(own.total)
          $('#progress').css('width', own.done * 100 / own.total + '%')
        })
        ${present}
      })
      pybossa.run('some-name')
    </script>`
}

const YES_NO = `
  <button class="btn btn-success btn-large btn-answer" value="Yes"><i class="icon-thumbs-up icon-white"></i> <span id="i18n_yes"></span></button>
  <button class="btn btn-danger btn-answer" value="No">No</button>`
const ON_ANSWER = `
  $('.btn-answer').off('click').on('click', function () {
    var answer = $(this).attr('value')
    save(task, deferred, SAVED)
  })`
const answering = (saved = 'answer') => ON_ANSWER.replace('SAVED', saved)

/** Serves scripts and files of other hosts, which browsers may read from anywhere. */
function files(contents: Record<string, string>) {
  return (context: BrowserContext) =>
    Promise.all(
      Object.entries(contents).map(([url, body]) =>
        context.route(`${url}*`, (route) =>
          route.fulfill({
            body,
            contentType: url.endsWith('.js') ? 'text/javascript' : 'application/octet-stream',
            headers: { 'access-control-allow-origin': '*' },
          }),
        ),
      ),
    )
}

/** A tenth of a second of silence. */
function silence(): string {
  const samples = 800
  const bytes = Buffer.alloc(44 + samples, 128)
  bytes.write('RIFF', 0)
  bytes.writeUInt32LE(36 + samples, 4)
  bytes.write('WAVEfmt ', 8)
  bytes.writeUInt32LE(16, 16)
  bytes.writeUInt16LE(1, 20)
  bytes.writeUInt16LE(1, 22)
  bytes.writeUInt32LE(8000, 24)
  bytes.writeUInt32LE(8000, 28)
  bytes.writeUInt16LE(1, 32)
  bytes.writeUInt16LE(8, 34)
  bytes.write('data', 36)
  bytes.writeUInt32LE(samples, 40)
  return `data:audio/wav;base64,${bytes.toString('base64')}`
}

const PICTURE = { url_m: '/media/demo/hubble-001.jpg' }

/** A map as OpenLayers 2 and 3, Leaflet and Raphaël give it: an element that is drawn on. */
const MAP_LIBRARY = `
  window.OpenLayers = { Map: function (id) {
    var points = []
    var element = $('#' + id).css({ width: 300, height: 200, background: '#cde' })
    element.on('click', function (event) {
      var at = element.offset()
      points.push([Math.round(event.pageX - at.left), Math.round(event.pageY - at.top)])
    })
    this.points = points
    this.destroy = function () { element.off('click') }
  } }`
const RAPHAEL_LIBRARY = `
  window.Raphael = function (id, width, height) {
    var ns = 'http://www.w3.org/2000/svg'
    var svg = document.createElementNS(ns, 'svg')
    svg.setAttribute('width', width)
    svg.setAttribute('height', height)
    document.getElementById(id).appendChild(svg)
    return { path: function (d) {
      var path = document.createElementNS(ns, 'path')
      path.setAttribute('d', d)
      path.setAttribute('fill', '#ccc')
      svg.appendChild(path)
      return { node: path, click: function (fn) { path.addEventListener('click', fn) } }
    } }
  }`

/** The six presenters that PyBossa offers to begin with. */
export const SNIPPETS: Readonly<Record<string, WildPresenter>> = {
  basic: {
    code: classic(
      `<h1 id="question"></h1><p id="answer"></p>${YES_NO}`,
      '',
      `$('#question').text(task.info.question);${answering()}`,
    ),
    info: { question: 'Is it a bird?' },
    actions: [{ press: 'Yes' }],
    expected: 'Yes',
  },
  image: {
    code: classic(
      `<a id="photo-link" href="#"><img id="photo" class="img-polaroid img-thumbnail"></a>${YES_NO}`,
      `var img = $('<img />')
       img.load(function () { task.info.image = img; deferred.resolve(task) })
       img.error(function () { $('#error').show() })
       img.attr('src', task.info.url_m)`,
      `$('#photo').replaceWith(task.info.image);${answering()}`,
    ),
    info: PICTURE,
    actions: [{ press: 'No' }],
    expected: 'No',
  },
  sound: {
    code: classic(
      `<div id="player"></div>${YES_NO}`,
      '',
      `var player = PybossaPlayer(task.info.audio_url, 'player', true)
       player.onReady(function () { player.mute(); player.setVolume(0.5); $('.btn-answer').prop('disabled', false) })
       $('.btn-answer').prop('disabled', true)
       ${answering("{ answer: answer, kind: $('#player audio').length, long: player.duration() > 0, paused: player.paused(), muted: player.muted() }")}`,
    ),
    info: { audio_url: silence() },
    actions: [{ press: 'Yes' }],
    expected: { answer: 'Yes', kind: 1, long: true, paused: true, muted: true },
  },
  video: {
    code: classic(
      `<div id="video"></div>${YES_NO}`,
      '',
      `var player = new PybossaPlayer(task.info.video_url, 'video')
       player.onReady(function () { log = player.duration() })
       ${answering("{ answer: answer, at: player.currentTime(), from: $('#video iframe').attr('src').split('?')[0] }")}`,
    ),
    info: { video_url: 'https://player.vimeo.com/video/76979871' },
    actions: [{ press: 'Yes' }],
    expected: { answer: 'Yes', at: 0, from: 'https://player.vimeo.com/video/76979871' },
    prepare: (context) => context.route(/vimeo\.com/, (route) => route.fulfill({ body: '' })),
  },
  map: {
    code: classic(
      `<div id="map"></div><input id="lat" aria-label="Latitude"><button class="btn btn-submit">Save</button>`,
      '',
      `$.getScript('https://maps.localhost/OpenLayers.js', function () {
         var map = new OpenLayers.Map('map')
         task.map = map
         $('.btn-submit').off('click').on('click', function () {
           save(task, deferred, { lat: $('#lat').val(), points: map.points.length })
           map.destroy()
         })
       })`,
    ),
    info: { place: 'Altona' },
    actions: [{ clickOn: '#map' }, { fill: 'Latitude', text: '53.5' }, { press: 'Save' }],
    expected: { lat: '53.5', points: 1 },
    prepare: files({ 'https://maps.localhost/OpenLayers.js': MAP_LIBRARY }),
  },
  pdf: {
    code: `<script>
      // A reader of its own that fetches the file as pdf.js does, with its worker off.
      var PDFJS = { disableWorker: true, getDocument: function (url) {
        var found = $.Deferred()
        var request = new XMLHttpRequest()
        request.open('GET', url)
        request.responseType = 'arraybuffer'
        request.onload = function () { found.resolve(String.fromCharCode.apply(null, new Uint8Array(request.response).slice(0, 4))) }
        request.send()
        return found.promise()
      } }
    </script>${classic(
      `<canvas id="page" width="200" height="100"></canvas><textarea id="text" aria-label="Text"></textarea><button class="btn btn-submit">Save</button>`,
      `PDFJS.getDocument(task.info.pdf_url).then(function (head) {
         document.getElementById('page').getContext('2d').fillText(head, 10, 10)
         task.head = head
         deferred.resolve(task)
       })`,
      `$('.btn-submit').off('click').on('click', function () { save(task, deferred, task.head + '\\n' + $('#text').val()) })`,
    )}`,
    info: { pdf_url: 'https://files.localhost/deed.pdf', page: 1 },
    actions: [{ fill: 'Text', text: 'First line\nsecond line' }, { press: 'Save' }],
    expected: '%PDF\nFirst line\nsecond line',
    prepare: files({ 'https://files.localhost/deed.pdf': '%PDF-1.4' }),
  },
}

/** In the manner of presenters in public repositories, by what they are called there. */
export const NAMED: Readonly<Record<string, WildPresenter>> = {
  flickrperson: {
    code: `<div id="disqus_thread"></div><div id="modal" class="modal hide fade"><div class="modal-header"><h3>Help</h3></div>
        <div class="modal-body">Look for a face <button class="btn" data-dismiss="modal">Got it</button></div></div>
      <button class="btn btn-mini" onclick="$('#modal').modal('show')">Help</button>${classic(
        `<a id="photo-link" target="_blank"><img id="photo"></a>${YES_NO}
         <button class="btn btn-answer" value="NotKnown">I don't know</button>`,
        `var img = $('<img />')
         img.load(function () { deferred.resolve(task) })
         img.attr('src', task.info.url_b).css('height', 460).addClass('img-polaroid')
         task.info.image = img`,
        `$('#photo-link').html('').append(task.info.image).attr('href', task.info.link)
         if (task.state === 'completed') return
         ${answering()}`,
      )}`,
    info: { url_b: '/media/demo/hubble-002.jpg', link: '/media/demo/hubble-002.jpg' },
    actions: [{ press: 'Help' }, { press: 'Got it' }, { press: "I don't know" }],
    expected: 'NotKnown',
  },
  geocoding: {
    code: `<script src="https://maps.localhost/OpenLayers.js"></script>${classic(
      `<div id="map"></div><button class="btn-submit btn btn-primary">This is the park</button>`,
      '',
      `var map = new OpenLayers.Map('map')
       $('.btn-submit').bind('click', function () {
         var feature = { type: 'Feature', geometry: { type: 'Point', coordinates: map.points[0].length } }
         save(task, deferred, { city: task.info.city, urbanpark: JSON.stringify(feature) })
       })`,
    )}`,
    info: { city: 'Madrid' },
    actions: [{ clickOn: '#map' }, { press: 'This is the park' }],
    expected: {
      city: 'Madrid',
      urbanpark: '{"type":"Feature","geometry":{"type":"Point","coordinates":2}}',
    },
    prepare: files({ 'https://maps.localhost/OpenLayers.js': MAP_LIBRARY }),
  },
  pdftranscribe: {
    code: `<script src="https://files.localhost/pdf.js"></script>${classic(
      `<span id="currentPage"></span><canvas id="canvas"></canvas><textarea id="text" aria-label="Text"></textarea>
       <button class="btn btn-submit">Submit</button>`,
      `PDFJS.disableWorker = true
       PDFJS.getDocument(task.info.pdf_url).then(function (pdf) { task.pdf = pdf; deferred.resolve(task) })`,
      `$('#currentPage').text(task.info.page)
       $('.btn-submit').off('click').on('click', function () {
         if ($('#text').val() === '') return alert('Write something')
         save(task, deferred, task.pdf + $('#text').val())
       })`,
    )}`,
    info: { pdf_url: 'https://files.localhost/deed.pdf', page: 3 },
    actions: [{ press: 'Submit' }, { fill: 'Text', text: 'one\ntwo' }, { press: 'Submit' }],
    expected: '%PDFone\ntwo',
    prepare: files({
      'https://files.localhost/deed.pdf': '%PDF-1.4',
      'https://files.localhost/pdf.js': `window.PDFJS = { getDocument: function (url) {
        return fetch(url).then(function (answer) { return answer.text() }).then(function (text) { return text.slice(0, 4) })
      } }`,
    }),
  },
  'tagging-pictures': {
    code: `<script src="/static/vendor/jquery.js"></script>
      <script>
        var anno = { all: [], makeAnnotatable: function (element) {
          $(element).on('click', function (event) { anno.all.push({ text: 'tag', shapes: [{ type: 'rect', geometry: { x: event.offsetX > 0 } }] }) })
        }, getAnnotations: function () { return anno.all } }
      </script>${classic(
        `<img id="photo"><button class="btn btn-answer">Save tags</button>`,
        `var img = $('<img id="photo" />')
         img.on('load', function () { deferred.resolve(task) }).attr('src', task.info.url)
         task.info.image = img`,
        `$('#photo').replaceWith(task.info.image)
         anno.makeAnnotatable(document.getElementById('photo'))
         $('.btn-answer').off('click').on('click', function () { save(task, deferred, anno.getAnnotations()) })`,
      )}`,
    info: { url: 'SITE/media/demo/hubble-003.jpg' },
    actions: [{ clickOn: '#photo' }, { press: 'Save tags' }],
    expected: [{ text: 'tag', shapes: [{ type: 'rect', geometry: { x: true } }] }],
  },
  'feynman-flowers': {
    code: classic(
      `<div id="canvas" style="position:relative"></div><button class="btn btn-large btn-primary btn-submit">Done</button>`,
      '',
      `Modernizr.load({ load: ['https://files.localhost/raphael.js', 'https://files.localhost/shapes.js'], complete: function () {
         var paper = Raphael('canvas', 200, 200)
         var found = null
         paper.path(shape).click(function (event) {
           var at = $('#canvas').offset()
           found = { x: event.pageX - at.left > 0, y: event.pageY - at.top < 200, angle: 30, photo: task.info.photo }
         })
         $('.btn-submit').off('click').on('click', function () { save(task, deferred, found) })
       } })`,
    ),
    info: { photo: 'flower-1' },
    actions: [{ clickOn: '#canvas path' }, { press: 'Done' }],
    expected: { x: true, y: true, angle: 30, photo: 'flower-1' },
    prepare: files({
      'https://files.localhost/raphael.js': RAPHAEL_LIBRARY,
      'https://files.localhost/shapes.js': "var shape = 'M10 10h180v180h-180z'",
    }),
  },
  photomasking: {
    code: `<script src="http://gone.localhost:1/ol.js"></script><script src="/static/js/vendor/ol3photomask.js"></script>
      <script>
        // jQuery's cookie plug-in, as such presenters paste it in.
        $.cookie = function (name, value) {
          if (value === undefined) return (new RegExp(name + '=([^;]*)').exec(document.cookie) || [])[1]
          document.cookie = name + '=' + encodeURIComponent(value) + '; path=/'
        }
        ${MAP_LIBRARY}
        if (!$.cookie('survey')) $.cookie('survey', 'shown')
      </script>${classic(
        `<div id="map"></div><button class="btn btn-answer">Save outline</button>`,
        '',
        `var map = new OpenLayers.Map('map')
         $('.btn-answer').off('click').on('click', function () {
           save(task, deferred, { task_id: task.id > 0, outline: map.points.map(function () { return [[0, 0]] }), holes: [], img: task.info.img, survey: $.cookie('survey'), left: undefined })
         })`,
      )}`,
    info: { img: 'axe-7' },
    actions: [{ clickOn: '#map' }, { press: 'Save outline' }],
    expected: { task_id: true, outline: [[[0, 0]]], holes: [], img: 'axe-7', survey: 'shown' },
  },
}
