/*
 * What presenters written for PyBossa find on its page (entry `presenter-kit`): jQuery 2, Bootstrap 3, Modernizr,
 * pybossaNotify and PybossaPlayer. Only frames with an owner's own HTML get it, as a classic, blocking script.
 */
import './jquery-global.ts'
import 'bootstrap'
import { createModernizr } from './modernizr.ts'
import { notify } from './notify.ts'
import { createPlayer } from './player.ts'

Object.assign(window, {
  Modernizr: createModernizr(),
  pybossaNotify: notify,
  PybossaPlayer: createPlayer,
})
