/*
 * Served under the addresses of PyBossa's own scripts (entry `presenter-again`). Presenters that load them a second time
 * would lose what the first time brought (Bootstrap's plug-ins with the first jQuery): the frame has it all already.
 */
if (!('pybossa' in window)) {
  reportError(
    new Error('This script only stands for its name: pybossa and jQuery are there within a task’s frame.'),
  )
}
