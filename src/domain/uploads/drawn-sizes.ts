import { isPictureName } from './content-check.ts'
import type { UploadNoun } from './upload-repository.ts'

/** In pixels. */
export interface Size {
  readonly width: number
  readonly height: number
}

/** How a picture is shown: cut to its shape, or whole within it. */
export interface Shape extends Size {
  readonly fit: 'cover' | 'contain'
}

/** The shapes in which pictures are shown, by what they belong to: each also twice as large, for sharper screens. */
export const SIZES: Partial<Record<UploadNoun, Shape>> = {
  project: { width: 640, height: 360, fit: 'cover' },
  user_account: { width: 96, height: 96, fit: 'cover' },
  helping_material: { width: 120, height: 90, fit: 'contain' },
  task_picture: { width: 120, height: 90, fit: 'contain' },
}

/** Whether something is drawn of an upload that belongs to this. */
export function isDrawn(noun: UploadNoun, fileName: string): boolean {
  return SIZES[noun] !== undefined && isPictureName(fileName)
}
