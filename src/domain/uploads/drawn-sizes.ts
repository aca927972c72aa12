import { isPictureName } from './content-check.ts'
import type { UploadNoun } from './upload-repository.ts'

/** In pixels. */
export interface Size {
  readonly width: number
  readonly height: number
}

/** The sizes in which pictures are shown, by what they belong to: each also twice as large, for sharper screens. */
export const SIZES: Partial<Record<UploadNoun, Size>> = {
  project: { width: 640, height: 360 },
  user_account: { width: 96, height: 96 },
}

/** Whether something is drawn of an upload that belongs to this. */
export function isDrawn(noun: UploadNoun, fileName: string): boolean {
  return SIZES[noun] !== undefined && isPictureName(fileName)
}
