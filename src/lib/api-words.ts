/** PyBossa's sentence for a task run without a request: its clients show it, and the contribute page asks once more. */
export const NOT_REQUESTED = 'You must request a task first!'
