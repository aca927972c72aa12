import { imageClassification } from './image-classification.ts'
import type { ReadyTemplate } from './template.ts'

/** The ready templates, in the order in which owners see them. */
export const readyTemplates: readonly ReadyTemplate[] = [imageClassification]

export function findTemplate(id: string): ReadyTemplate | undefined {
  return readyTemplates.find((template) => template.id === id)
}
