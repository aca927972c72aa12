/*
 * The script of the contribute page (entry `contribute`). What the page has to offer:
 *
 *   #contribute            the root, with these attributes
 *     data-frame-url         address of the frame with its ticket            } from frameFor()
 *     data-frame-origin      the frame's origin, or "null" when opaque       } in src/web/presenter
 *     data-frame-sandbox     the value of the frame's sandbox attribute      }
 *     data-frame-allow       the value of its allow attribute                }
 *     data-locale            the language of whoever sits before the page    }
 *     data-presenter-strings JSON: translations of PRESENTER_STRINGS and of the templates' words by key }
 *     data-project-id, data-short-name, data-project-name, data-project-description
 *     data-task-id           the task the address names; left out when it names none
 *     data-contributor       any text that is the same as long as the contributor is the same (and says nothing else)
 *     data-own-count         task runs of this contributor in this project
 *     data-skipped-count     tasks that this contributor skipped and that have not come back (optional)
 *     data-answers-given, data-answers-wanted    of the whole project
 *     data-undo-seconds      how long the last task run can be taken back
 *     data-presenter-version id of the presenter version on the page (optional)
 *     data-finished-url      where to go when nothing is left (optional; else #finished-panel is shown)
 *     data-strings           JSON: translations of CONTRIBUTE_STRINGS by key (optional)
 *   #presenter-stage       where <iframe id="presenter-frame"> is put. It fills the stage (the page's CSS gives the
 *                          stage its height) until the presenter asks for a height of its own: then
 *                          data-fit="content" is set on the stage and the frame gets that height.
 *   #own-count, #project-progress, #save-state, #status-line      filled with text. #project-progress may hold a
 *                          <progress>, which gets value and max, and an element [data-progress-text] for the words.
 *                          #save-state gets data-state = idle | saving | saved | waiting,
 *                          #status-line (role=status) gets data-type = info | success | warning | error | loading
 *                          and is hidden while it has nothing to say.
 *   #skip-task             a button; disabled while no task is shown, hidden at the end
 *   #undo-task-run         a button; hidden unless the last task run can be taken back
 *   #tutorial-panel        with #start-tasks; shown or hidden by the server at first (attribute hidden). While it is
 *                          shown the stage is hidden, and the first task loads behind it. #show-help toggles it.
 *   #finished-panel        hidden until nothing is left. Its #finished-text gives way to a sentence about skipped tasks
 *                          when there are any.
 *
 * Everything but #contribute and #presenter-stage may be missing. Visibility is the attribute `hidden` alone. Once the
 * script runs, the root has data-state = loading | tutorial | task | finished | failed.
 */
import { startContributePage } from './contribute-page.ts'

startContributePage()
