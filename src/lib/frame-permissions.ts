/** What of a volunteer's device a presenter may be let ask for, by the browsers' names; all of it is refused otherwise. */
export const FRAME_PERMISSIONS = ['camera', 'clipboard-write', 'geolocation', 'microphone'] as const
export type FramePermission = (typeof FRAME_PERMISSIONS)[number]
