/** A licence that data are given away under. */
export interface Licence {
  /** Its name in the list of SPDX (spdx.org/licenses), as Data Packages want it. */
  readonly id: string
  readonly title: string
  readonly url: string
}

/** Those made for data, from the freest to the strictest. */
export const LICENCES: readonly Licence[] = [
  {
    id: 'CC0-1.0',
    title: 'CC0 1.0: anybody may do anything with it',
    url: 'https://creativecommons.org/publicdomain/zero/1.0/',
  },
  {
    id: 'PDDL-1.0',
    title: 'Open Data Commons Public Domain Dedication 1.0',
    url: 'https://opendatacommons.org/licenses/pddl/1-0/',
  },
  {
    id: 'CC-BY-4.0',
    title: 'Creative Commons Attribution 4.0',
    url: 'https://creativecommons.org/licenses/by/4.0/',
  },
  {
    id: 'ODC-By-1.0',
    title: 'Open Data Commons Attribution 1.0',
    url: 'https://opendatacommons.org/licenses/by/1-0/',
  },
  {
    id: 'CC-BY-SA-4.0',
    title: 'Creative Commons Attribution-ShareAlike 4.0',
    url: 'https://creativecommons.org/licenses/by-sa/4.0/',
  },
  {
    id: 'ODbL-1.0',
    title: 'Open Data Commons Open Database 1.0',
    url: 'https://opendatacommons.org/licenses/odbl/1-0/',
  },
  {
    id: 'CC-BY-NC-4.0',
    title: 'Creative Commons Attribution-NonCommercial 4.0',
    url: 'https://creativecommons.org/licenses/by-nc/4.0/',
  },
  {
    id: 'CC-BY-NC-SA-4.0',
    title: 'Creative Commons Attribution-NonCommercial-ShareAlike 4.0',
    url: 'https://creativecommons.org/licenses/by-nc-sa/4.0/',
  },
]

export function findLicence(id: string | null): Licence | undefined {
  return LICENCES.find((licence) => licence.id === id)
}
