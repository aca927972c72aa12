import { audio } from '../../../lib/templates/audio.ts'
import { createMediaTool } from '../timing/media-tool.ts'
import { createWaveform } from '../timing/waveform.ts'
import { registerTool } from '../tool.ts'

registerTool(audio, (settings, around) =>
  createMediaTool(settings, around, createWaveform(around.words.waveform)),
)
