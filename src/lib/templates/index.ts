import { audio } from './audio.ts'
import { comparison } from './comparison.ts'
import { freeForm } from './free-form.ts'
import { imageClassification } from './image-classification.ts'
import { imageRegions } from './image-regions.ts'
import { map } from './map.ts'
import { pdf } from './pdf.ts'
import type { ReadyTemplate } from './template.ts'
import { textSpans } from './text-spans.ts'
import { transcription } from './transcription.ts'
import { video } from './video.ts'

/** The ready templates, in the order in which owners see them. */
export const readyTemplates: readonly ReadyTemplate[] = [
  imageClassification,
  imageRegions,
  audio,
  video,
  transcription,
  pdf,
  map,
  textSpans,
  comparison,
  freeForm,
]

export function findTemplate(id: string): ReadyTemplate | undefined {
  return readyTemplates.find((template) => template.id === id)
}
