/** A place in the medium's own units, such as pixels of the picture or longitude and latitude. */
export type Position = readonly [x: number, y: number]

export type ShapeKind = 'point' | 'box' | 'line' | 'area'

/** A shape by the places that make it: two opposite corners for a box, the corners in order for lines and areas. */
export interface Shape {
  readonly kind: ShapeKind
  readonly positions: readonly Position[]
}

export interface Mark extends Shape {
  readonly id: number
  /** Null when the project has no labels. */
  readonly label: string | null
}

/** From how many places on a shape can stand by itself. */
const POSITIONS_MIN: Record<ShapeKind, number> = { point: 1, box: 2, line: 2, area: 3 }

export function canFinish({ kind, positions }: Shape): boolean {
  return positions.length >= POSITIONS_MIN[kind]
}

/** Whether a shape needs nobody to say that it is finished. */
export function isComplete(shape: Shape): boolean {
  return (shape.kind === 'point' || shape.kind === 'box') && canFinish(shape)
}

/** The four corners of a box, from two opposite ones. */
export function cornersOf([[x1, y1] = [0, 0], [x2, y2] = [x1, y1]]: readonly Position[]): Position[] {
  return [
    [x1, y1],
    [x2, y1],
    [x2, y2],
    [x1, y2],
  ]
}
