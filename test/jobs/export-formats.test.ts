import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { check } from '@placemarkio/check-geojson'
import { Ajv2020 } from 'ajv/dist/2020.js'
import webvtt from 'webvtt-parser'
import { listFieldFormats, requestExport } from '../../src/domain/exports/export-service.ts'
import { subscribe } from '../../src/domain/exports/subscription-service.ts'
import { savePresenter } from '../../src/domain/presenters/presenter-service.ts'
import { updateProject } from '../../src/domain/projects/project-service.ts'
import type { Project } from '../../src/domain/projects/project-service.ts'
import { InvalidError } from '../../src/lib/errors.ts'
import { findTemplate } from '../../src/lib/templates/index.ts'
import { defaultSettings } from '../../src/lib/templates/settings.ts'
import type { Json, JsonObject } from '../../src/platform/schema.ts'
import { ANNOTATION_PAGE, COCO } from '../support/format-schemas.ts'
import { ABOUT, answerAll, exportNow } from '../support/exports.ts'
import { newOwner, newProject, startJobApp, untilJobsEnd, work } from '../support/jobs.ts'
import { waitForReplica } from '../support/servers.ts'

const job = await startJobApp({ after })
work(job)
const owner = await newOwner(job)

/** A project made with a template, whose tasks one person with an account and one without answered in turn. */
async function answered(
  template: string,
  settings: JsonObject,
  tasks: readonly Json[],
  said: readonly (readonly Json[])[],
): Promise<Project> {
  const project = await newProject(job, owner, [...tasks])
  await waitForReplica()
  const found = findTemplate(template)
  assert.ok(found)
  const presenter = { kind: 'template' as const, template, tutorial: null }
  await savePresenter(job.db(), owner, project, {
    ...presenter,
    settings: { ...defaultSettings(found), question: 'What is there?', ...settings },
  })
  const people = [
    { kind: 'user' as const, userId: owner.id },
    { kind: 'external' as const, projectId: project.id, externalUid: 'mara --> <b>' },
  ]
  for (const [index, who] of people.entries()) await answerAll(job, project, who, said[index] ?? [])
  await waitForReplica()
  return project
}

type Parsed = Record<string, unknown>

function parsed(members: Map<string, string>, name: string): Parsed {
  return JSON.parse(members.get(name) ?? '') as Parsed
}

function mustFit(schema: object, value: unknown): void {
  const validate = new Ajv2020({ strict: false }).compile(schema)
  assert.ok(validate(value), JSON.stringify(validate.errors))
}

const PICTURE = { width: 640, height: 480 }
const REGIONS = [
  { type: 'box', x: 20, y: 30, width: 100, height: 50, label: 'Ripe' },
  {
    type: 'polygon',
    points: [
      [0, 0],
      [40, 0],
      [40, 30],
    ],
    label: 'Leaf',
  },
  { type: 'point', x: 5, y: 6 },
  { type: 'box', x: 1, y: 'wide' },
  { type: 'polygon', points: [[1, 1]] },
]

test('marks on pictures come as COCO, by the owner’s labels and under the licence', async () => {
  const tasks = [
    { picture: '/media/demo/hubble-002.jpg' },
    { picture: 'https://example.org/b.png?x=1' },
    { picture: 7 },
  ]
  const project = await answered('image-regions', { labels: ['Ripe', 'Unripe'] }, tasks, [
    [{ marks: REGIONS, picture: PICTURE }, { marks: [], picture: PICTURE }, { said: 'nothing of the kind' }],
    [{ marks: [{ type: 'point', x: 9, y: 9, label: 'Ripe' }], picture: PICTURE }],
  ])
  await updateProject(job.db(), owner, project, { licence: 'CC-BY-4.0' }, 'web')
  const members = await exportNow(job, owner, project, 'task_run', 'coco')
  const name = `${project.shortName}_coco.json`
  assert.deepEqual([...members.keys()], [name, ...ABOUT])

  const coco = parsed(members, name)
  mustFit(COCO, coco)
  const url = 'https://creativecommons.org/licenses/by/4.0/'
  assert.deepEqual(coco['licenses'], [{ id: 1, name: 'Creative Commons Attribution 4.0', url }])
  const images = coco['images'] as Parsed[]
  const size = { ...PICTURE, license: 1 }
  assert.deepEqual(
    images.map(({ id, ...image }) => image),
    [
      {
        ...size,
        file_name: 'media/demo/hubble-002.jpg',
        coco_url: 'http://localhost:3000/media/demo/hubble-002.jpg',
      },
      { ...size, file_name: 'b.png', coco_url: 'https://example.org/b.png?x=1' },
    ],
  )
  assert.deepEqual(coco['categories'], [
    { id: 1, name: 'Ripe', supercategory: '', keypoints: ['place'], skeleton: [] },
    { id: 2, name: 'Unripe', supercategory: '' },
    { id: 3, name: 'Leaf', supercategory: '' },
    { id: 4, name: 'mark', supercategory: '', keypoints: ['place'], skeleton: [] },
  ])
  const annotations = coco['annotations'] as Parsed[]
  const shapes = annotations.map(({ id, category_id, area, bbox, segmentation, keypoints }) => {
    return [id, category_id, area, bbox, segmentation, keypoints]
  })
  assert.deepEqual(shapes, [
    [1, 1, 5000, [20, 30, 100, 50], [[20, 30, 120, 30, 120, 80, 20, 80]], undefined],
    [2, 3, 600, [0, 0, 40, 30], [[0, 0, 40, 0, 40, 30]], undefined],
    [3, 4, 0, [5, 6, 0, 0], [], [5, 6, 2]],
    [4, 1, 0, [9, 9, 0, 0], [], [9, 9, 2]],
  ])
  assert.ok(annotations.every(({ image_id }) => image_id === images[0]?.['id']))
  const [first, , , last] = annotations.map(({ attributes }) => attributes as Parsed)
  assert.deepEqual(
    [first?.['user_id'], last?.['user_id'], last?.['external_uid']],
    [owner.id, null, 'mara --> <b>'],
  )

  const readme = members.get('README.txt') ?? ''
  assert.match(readme, /Licence: Creative Commons Attribution 4.0 \(CC-BY-4.0\), https:/)
  assert.match(readme, /Format\n------\nCOCO/)
  assert.doesNotMatch(readme, /Columns/)
  const { licenses, resources } = parsed(members, 'datapackage.json')
  assert.deepEqual(licenses, [{ name: 'CC-BY-4.0', title: 'Creative Commons Attribution 4.0', path: url }])
  assert.deepEqual(
    (resources as Parsed[]).map(({ path }) => path),
    [name],
  )
})

test('more labels than COCO has categories are told, not cut', async () => {
  const marks = Array.from({ length: 10_001 }, (_, n) => ({ type: 'point', x: n, y: 0, label: `Label ${n}` }))
  const project = await answered('image-regions', {}, [{ picture: 'a.png' }], [[{ marks, picture: PICTURE }]])
  const { id } = await requestExport(job.app, job.db(), owner, project, { what: 'wide', format: 'coco' })
  await untilJobsEnd(job)
  const [row] = await job.sql('select state, error from project_export where id = $1', [id])
  assert.equal(row?.['state'], 'failed')
  assert.match(String(row['error']), /more than 10000 different labels, too many for COCO/)
})

test('the same marks come as Web Annotations about the picture', async () => {
  const project = await answered(
    'image-regions',
    {},
    [{ picture: 'https://example.org/a.png' }, {}],
    [
      [
        { marks: REGIONS, picture: PICTURE },
        { marks: REGIONS, picture: PICTURE },
      ],
    ],
  )
  const members = await exportNow(job, owner, project, 'task', 'webannotation')
  const page = parsed(members, `${project.shortName}_annotations.json`)
  mustFit(ANNOTATION_PAGE, page)
  const items = page['items'] as { id: string; motivation: string; body?: Parsed; target: Parsed }[]
  assert.deepEqual(
    items.map(({ motivation, body, target }) => [motivation, body?.['value'], target['selector']]),
    [
      [
        'tagging',
        'Ripe',
        {
          type: 'FragmentSelector',
          conformsTo: 'http://www.w3.org/TR/media-frags/',
          value: 'xywh=pixel:20,30,100,50',
        },
      ],
      [
        'tagging',
        'Leaf',
        {
          type: 'SvgSelector',
          value: '<svg xmlns="http://www.w3.org/2000/svg"><polygon points="0,0 40,0 40,30"/></svg>',
        },
      ],
      ['highlighting', undefined, { type: 'PointSelector', x: 5, y: 6 }],
    ],
  )
  assert.equal(new Set(items.map(({ id }) => id)).size, 3)
})

test('transcriptions come as Web Annotations about the IIIF canvas, else about the picture', async () => {
  const tasks = [
    {
      page: '/media/one.jpg',
      target: 'https://iiif.example.org/c/1',
      manifest: 'https://iiif.example.org/m',
    },
    { page: '/media/two.jpg', target: 'https://iiif.example.org/c/2' },
    { page: '/media/three.jpg', target: 'no address' },
    { page: ['no address'] },
  ]
  const said = [{ text: 'Frost\n"in" the <night>' }, { text: '' }, { text: 'Three' }, { text: 'Four' }]
  const project = await answered('transcription', {}, tasks, [said, [{ other: 'thing' }]])
  const members = await exportNow(job, owner, project, 'task_run', 'webannotation')
  const page = parsed(members, `${project.shortName}_annotations.json`)
  mustFit(ANNOTATION_PAGE, page)
  assert.ok(!('rights' in page))
  const items = page['items'] as Parsed[]
  const plain = { type: 'TextualBody', format: 'text/plain' }
  assert.deepEqual(
    items.map(({ motivation, body, target }) => [motivation, body, target]),
    [
      [
        'supplementing',
        { ...plain, value: 'Frost\n"in" the <night>' },
        {
          id: 'https://iiif.example.org/c/1',
          type: 'Canvas',
          partOf: [{ id: 'https://iiif.example.org/m', type: 'Manifest' }],
        },
      ],
      ['supplementing', undefined, 'https://iiif.example.org/c/2'],
      ['supplementing', { ...plain, value: 'Three' }, 'http://localhost:3000/media/three.jpg'],
    ],
  )
  assert.deepEqual(items[0]?.['creator'], {
    id: `http://localhost:3000/api/user/${owner.id}`,
    type: 'Person',
  })
})

test('passages of texts come as Web Annotations that quote them and count code points', async () => {
  const passage = (start: number, end: number, text: string) => ({ start, end, text, label: 'Place' })
  // The owl is one code point and two UTF-16 units.
  const tasks = [{ 'a/b': '🦉 sat in Kew' }, { 'a/b': 7 }, { 'a/b': 'Rye' }]
  const project = await answered('text-spans', { textColumn: 'a/b' }, tasks, [
    [
      { spans: [passage(10, 13, 'Kew'), passage(0, 2, '🦉'), { start: 'early' }] },
      { spans: [passage(0, 3, 'Ely')] },
      { spans: [] },
    ],
    [{ spans: [passage(0, 3, 'Kew')] }, { other: 'thing' }],
  ])
  const members = await exportNow(job, owner, project, 'task_run', 'webannotation')
  const page = parsed(members, `${project.shortName}_annotations.json`)
  mustFit(ANNOTATION_PAGE, page)
  const items = page['items'] as { body: Parsed; motivation: string; target: Parsed }[]
  const quote = (exact: string, around = {}) => ({ type: 'TextQuoteSelector', exact, ...around })
  const position = (start: number, end: number) => ({ type: 'TextPositionSelector', start, end })
  assert.deepEqual(
    items.map(({ target: { selector } }) => selector),
    [
      [quote('Kew', { prefix: '🦉 sat in ', suffix: '' }), position(9, 12)],
      [quote('🦉', { prefix: '', suffix: ' sat in Kew' }), position(0, 1)],
      quote('Kew'),
      quote('Ely'),
    ],
  )
  assert.ok(items.every(({ body, motivation }) => body['value'] === 'Place' && motivation === 'tagging'))
  const [first] = await job.sql('select min(id)::int as id from task where project_id = $1', [project.id])
  const id = `http://localhost:3000/api/task/${String(first?.['id'])}#/info/a~1b`
  assert.deepEqual(items[0]?.target['source'], { id, type: 'Text' })
})

test('what is said of PDF documents comes as Web Annotations about them and their pages', async () => {
  const tasks = [{ pdf: '/media/a.pdf' }, { pdf: '/media/b.pdf' }, {}]
  const said = {
    answer: ['Letter', 'Bill'],
    pages: [
      { page: 2, text: 'Dear' },
      { page: 0, text: 'x' },
    ],
  }
  const project = await answered('pdf', {}, tasks, [
    [
      { ...said, pageCount: 3 },
      { answer: 'Letter', pageCount: 1 },
      { answer: 'Letter', pageCount: 1 },
    ],
  ])
  const members = await exportNow(job, owner, project, 'task_run', 'webannotation')
  const page = parsed(members, `${project.shortName}_annotations.json`)
  mustFit(ANNOTATION_PAGE, page)
  const document = (name: string) => {
    return { id: `http://localhost:3000/media/${name}`, type: 'Text', format: 'application/pdf' }
  }
  const chosen = (value: string) => ({
    type: 'TextualBody',
    value,
    purpose: 'classifying',
    format: 'text/plain',
  })
  const items = page['items'] as Parsed[]
  assert.deepEqual(
    items.map(({ motivation, body, target }) => [motivation, body, target]),
    [
      ['classifying', [chosen('Letter'), chosen('Bill')], document('a.pdf')],
      [
        'supplementing',
        { type: 'TextualBody', value: 'Dear', format: 'text/plain' },
        {
          type: 'SpecificResource',
          source: document('a.pdf'),
          selector: {
            type: 'FragmentSelector',
            conformsTo: 'http://tools.ietf.org/rfc/rfc3778',
            value: 'page=2',
          },
        },
      ],
      ['classifying', [chosen('Letter')], document('b.pdf')],
    ],
  )
})

test('what is drawn on maps comes as GeoJSON', async () => {
  const feature = (geometry: Json, properties: Json = {}) => ({ type: 'Feature', geometry, properties })
  const ring = [
    [0, 0],
    [1, 0],
    [1, 1],
    [0, 0],
  ]
  const features = [
    feature({ type: 'Point', coordinates: [-20.5, 25] }, { label: 'Hut' }),
    feature({
      type: 'LineString',
      coordinates: [
        [0, 0],
        [1, 1],
      ],
    }),
    feature({ type: 'Polygon', coordinates: [ring] }, null),
    feature({ type: 'Polygon', coordinates: [ring.slice(0, 3)] }),
    feature({ type: 'Polygon', coordinates: [[...ring.slice(0, 3), [0, 5]]] }),
    feature({ type: 'Circle', coordinates: [0, 0] }),
  ]
  const project = await answered(
    'map',
    { latitudeColumn: '', longitudeColumn: '' },
    [{ place: 'Wood' }, {}],
    [
      [{ geojson: { type: 'FeatureCollection', features } }, 'only a text'],
      [{ geojson: { type: 'FeatureCollection', features: [] } }],
    ],
  )
  const members = await exportNow(job, owner, project, 'task_run', 'geojson')
  const text = members.get(`${project.shortName}.geojson`) ?? ''
  const { features: found } = check(text) as {
    features: { geometry: { type: string }; properties: Parsed | null }[]
  }
  assert.deepEqual(
    found.map(({ geometry, properties }) => [geometry.type, properties?.['label'], properties?.['user_id']]),
    [
      ['Point', 'Hut', owner.id],
      ['LineString', undefined, owner.id],
      ['Polygon', undefined, owner.id],
    ],
  )
})

test('marks in sounds come as WebVTT, a file for each that somebody looked for marks in', async () => {
  const marks = [
    { type: 'moment', at: 4.25, label: 'Click' },
    { type: 'range', start: 1.5, end: 5, label: 'Call & <answer> -->\n\nnext' },
    { type: 'range', start: 3_600, end: 3_599 },
    { type: 'range', start: 'early', end: 2 },
  ]
  const tasks = [{ audio: '/media/a.wav' }, { audio: null }, {}]
  const project = await answered('audio', {}, tasks, [
    [{ marks, duration: 6 }, { marks: [], duration: 6 }, { answer: 'Owl' }],
    [{ marks: [{ type: 'range', start: 0, end: 0.5 }] }],
  ])
  const members = await exportNow(job, owner, project, 'task_run', 'webvtt')
  const names = [...members.keys()].filter((name) => name.endsWith('.vtt'))
  assert.equal(names.length, 2)
  const parser = new webvtt.WebVTTParser()
  const [first, second] = names.map((name) => {
    const { cues, errors } = parser.parse(members.get(name) ?? '', 'metadata')
    assert.deepEqual(errors, [])
    return cues
  })
  assert.deepEqual(second, [])
  assert.deepEqual(
    first?.map(({ startTime, endTime, text }) => [startTime, endTime, text]),
    [
      [0, 0.5, '<v mara -&gt; &lt;b&gt;>'],
      [1.5, 5, `<v user ${owner.id}>Call &amp; &lt;answer&gt; -&gt; next`],
      [4.25, 4.26, `<v user ${owner.id}>Click`],
      [3_600, 3_600.01, `<v user ${owner.id}>`],
    ],
  )
  assert.match(
    members.get(names[0] ?? '') ?? '',
    /^WEBVTT\n\nNOTE Task \d+\nhttp:\/\/localhost:3000\/media\/a.wav\n\n/,
  )
  assert.match(members.get('README.txt') ?? '', new RegExp(`${names[1]}: \\d+ bytes`))
})

test('a project has the formats of its templates, and no others', async () => {
  const project = await newProject(job, owner, [{ picture: 'a.png' }])
  const wanted = { what: 'task_run', format: 'coco' } as const
  assert.deepEqual(await listFieldFormats(job.db(), project), [])
  await assert.rejects(requestExport(job.app, job.db(), owner, project, wanted), InvalidError)
  const again = { ...wanted, period: 'daily', byMail: false, toBucket: false } as const
  await assert.rejects(subscribe(job.db(), owner, project, { ...again, isDelta: false }), InvalidError)
  const marked = await answered('image-regions', {}, [{ picture: 'a.png' }], [])
  assert.deepEqual(await listFieldFormats(job.db(), marked), ['coco', 'webannotation'])
  await assert.rejects(subscribe(job.db(), owner, marked, { ...again, isDelta: true }), /as what is new/)
  await subscribe(job.db(), owner, marked, { ...again, isDelta: false })
  const [stored] = await job.sql('select what, format from export_subscription where project_id = $1', [
    marked.id,
  ])
  assert.deepEqual(stored, { what: 'wide', format: 'coco' })
})
