/** Formats for which no package has a checker, as JSON Schema, from their own descriptions. */

const number = { type: 'number' }
const text = { type: 'string' }
const id = { type: 'integer', minimum: 1 }

function object(required: readonly string[], properties: Record<string, object>) {
  return { type: 'object', required, properties }
}

/** cocodataset.org/#format-data: object detection, with keypoints where a label is given to points. */
export const COCO = {
  ...object(['info', 'licenses', 'images', 'annotations', 'categories'], {
    info: object(['year', 'version', 'description', 'contributor', 'url', 'date_created'], {
      year: { type: 'integer' },
      version: text,
      description: text,
      contributor: text,
      url: text,
      date_created: text,
    }),
    licenses: { type: 'array', items: object(['id', 'name', 'url'], { id, name: text, url: text }) },
    images: {
      type: 'array',
      items: object(['id', 'width', 'height', 'file_name'], {
        id,
        width: id,
        height: id,
        file_name: text,
        license: id,
        coco_url: text,
      }),
    },
    annotations: {
      type: 'array',
      items: {
        ...object(['id', 'image_id', 'category_id', 'segmentation', 'area', 'bbox', 'iscrowd'], {
          id,
          image_id: id,
          category_id: id,
          segmentation: { type: 'array', items: { type: 'array', items: number, minItems: 6 } },
          area: { type: 'number', minimum: 0 },
          bbox: { type: 'array', items: number, minItems: 4, maxItems: 4 },
          iscrowd: { enum: [0, 1] },
          keypoints: { type: 'array', items: number, minItems: 3, maxItems: 3 },
          num_keypoints: { type: 'integer' },
        }),
        dependentRequired: { keypoints: ['num_keypoints'] },
      },
    },
    categories: {
      type: 'array',
      items: {
        ...object(['id', 'name', 'supercategory'], {
          id,
          name: text,
          supercategory: text,
          keypoints: { type: 'array', items: text },
          skeleton: { type: 'array', items: { type: 'array', items: id, minItems: 2, maxItems: 2 } },
        }),
        dependentRequired: { keypoints: ['skeleton'] },
      },
    },
  }),
  additionalProperties: false,
}

const iri = { type: 'string', pattern: '^https?://' }
const resource = { anyOf: [iri, object(['id', 'type'], { id: iri, type: text })] }

const body = object(['type', 'value', 'format'], {
  type: { const: 'TextualBody' },
  value: text,
  format: text,
})
const quote = { type: { const: 'TextQuoteSelector' }, exact: text, prefix: text, suffix: text }
const place = { type: 'integer', minimum: 0 }

/** w3.org/TR/annotation-model §3 and §5, and IIIF Presentation 3 §5.9 for the page's contexts. */
export const ANNOTATION_PAGE = object(['@context', 'id', 'type', 'items'], {
  '@context': {
    const: ['http://www.w3.org/ns/anno.jsonld', 'http://iiif.io/api/presentation/3/context.json'],
  },
  id: iri,
  type: { const: 'AnnotationPage' },
  rights: iri,
  startIndex: { type: 'integer', minimum: 0 },
  partOf: object(['id', 'type', 'label'], { id: iri, type: { const: 'AnnotationCollection' }, label: text }),
  items: {
    type: 'array',
    items: object(['id', 'type', 'motivation', 'target'], {
      id: iri,
      type: { const: 'Annotation' },
      motivation: { enum: ['supplementing', 'tagging', 'highlighting', 'classifying'] },
      created: { type: 'string', pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d+Z$' },
      creator: object(['id', 'type'], { id: iri, type: { const: 'Person' } }),
      body: { anyOf: [body, { type: 'array', items: body, minItems: 1 }] },
      target: {
        anyOf: [
          resource,
          object(['type', 'source', 'selector'], {
            type: { const: 'SpecificResource' },
            source: resource,
            selector: {
              oneOf: [
                object(['type', 'x', 'y'], { type: { const: 'PointSelector' }, x: number, y: number }),
                object(['type', 'conformsTo', 'value'], {
                  type: { const: 'FragmentSelector' },
                  conformsTo: { const: 'http://www.w3.org/TR/media-frags/' },
                  value: { type: 'string', pattern: '^xywh=pixel:[\\d.]+,[\\d.]+,[\\d.]+,[\\d.]+$' },
                }),
                object(['type', 'conformsTo', 'value'], {
                  type: { const: 'FragmentSelector' },
                  conformsTo: { const: 'http://tools.ietf.org/rfc/rfc3778' },
                  value: { type: 'string', pattern: '^page=[1-9]\\d*$' },
                }),
                object(['type', 'value'], { type: { const: 'SvgSelector' }, value: text }),
                object(['type', 'exact'], quote),
                {
                  type: 'array',
                  prefixItems: [
                    object(['type', 'exact', 'prefix', 'suffix'], quote),
                    object(['type', 'start', 'end'], {
                      type: { const: 'TextPositionSelector' },
                      start: place,
                      end: place,
                    }),
                  ],
                  minItems: 2,
                  items: false,
                },
              ],
            },
          }),
        ],
      },
    }),
  },
})
