"""Calls every function of pybossa-client against a site, and says of each whether it did what it promises.

Arguments: address, key of a project's owner who is an admin too, id of a project with completed tasks and results.
Writes one JSON object a line: {"name": ..., "passed": ..., "said": ...}.
"""
import base64
import inspect
import json
import sys
import tempfile
import traceback

import pbclient

endpoint, key, answered = sys.argv[1], sys.argv[2], int(sys.argv[3])
pbclient.set('endpoint', endpoint)
pbclient.set('api_key', key)
called = set()


def tells(name, condition, said=''):
    called.add(name)
    print(json.dumps({'name': name, 'passed': bool(condition), 'said': str(said)[:300]}), flush=True)


def call(name, *args, check, **kwargs):
    """Calls a function; `check` says whether its value is right."""
    try:
        value = getattr(pbclient, name)(*args, **kwargs)
        tells(name, check(value), value)
        return value
    except Exception:
        tells(name, False, traceback.format_exc()[-300:])
        raise


short_name = 'client-functions'
project = call('create_project', 'Client functions', short_name, 'Made by pybossa-client', check=lambda p: p.id > 0)
call('get_project', project.id, check=lambda p: p.short_name == short_name)
found = call('find_project', short_name=short_name, check=lambda ps: [p.id for p in ps] == [project.id])[0]
call('get_projects', limit=100, check=lambda ps: project.id in [p.id for p in ps])
call('get_projects', limit=100, last_id=project.id - 1, check=lambda ps: ps[0].id == project.id)
found.long_description = 'Long, and changed'
found.info['task_presenter'] = '<p>{{ task }}</p>\r\n<script>"</" + "script>"</script> \U0001f600'
updated = call('update_project', found, check=lambda p: p.long_description == 'Long, and changed')
tells('update_project keeps the presenter as it is',
      updated.info['task_presenter'] == found.info['task_presenter'], updated.info)
tells('update_project keeps what it was not given', updated.description == 'Made by pybossa-client')

category = call('create_category', 'Client birds', 'Birds of the client', check=lambda c: c.id > 0)
call('get_category', category.id, check=lambda c: c.short_name == 'clientbirds')
call('get_categories', check=lambda cs: category.id in [c.id for c in cs])
named = call('find_category', short_name='clientbirds', check=lambda cs: [c.id for c in cs] == [category.id])[0]
named.description = 'Other birds'
call('update_category', named, check=lambda c: c.description == 'Other birds')
call('delete_category', category.id, check=lambda done: done is True)

infos = ['text', 7, ['a', 1], {'key': {'deep': [1, None]}}, {'null': ['x']}]
tasks = [call('create_task', project.id, info, check=lambda t, i=info: t.info == i) for info in infos]
call('create_task', project.id, {'n': 1}, n_answers=5, priority_0=0.5, check=lambda t: t.n_answers == 5)
call('get_tasks', project.id, check=lambda ts: [t.info for t in ts][:5] == infos)
call('get_tasks', project.id, last_id=tasks[3].id, check=lambda ts: [t.id for t in ts][:1] == [tasks[4].id])
call('find_tasks', project.id, n_answers=5, check=lambda ts: len(ts) == 1 and ts[0].n_answers == 5)
first = pbclient.find_tasks(project.id, id=tasks[0].id)[0]
first.n_answers = '4'
call('update_task', first, check=lambda t: t.n_answers == 4)
call('delete_task', tasks[1].id, check=lambda done: done is True)
call('delete_task', tasks[1].id, check=lambda e: e['status_code'] == 404 and 'task' in e['target'])

with tempfile.NamedTemporaryFile(suffix='.png') as picture:
    picture.write(base64.b64decode('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk'
                                   '+A8AAQUBAScY42YAAAAASUVORK5CYII='))
    picture.flush()
    helping = call('create_helpingmaterial', project.id, {}, file_path=picture.name,
                   check=lambda h: h.id > 0 and h.media_url and h.info['file_name'])
plain = call('create_helpingmaterial', project.id, {'where': 'elsewhere'}, check=lambda h: h.info['where'] == 'elsewhere')
call('get_helping_materials', project.id, check=lambda hs: [h.id for h in hs] == [helping.id, plain.id])
call('find_helping_materials', project.id, id=helping.id, check=lambda hs: [h.id for h in hs] == [helping.id])
helping.info['caption'] = 'A picture'
call('update_helping_material', helping,
     check=lambda h: h.info['caption'] == 'A picture' and h.info['file_name'] and h.info['container'])

runs = call('get_taskruns', answered, check=lambda rs: len(rs) > 0)
call('find_taskruns', answered, task_id=runs[0].task_id, check=lambda rs: {r.task_id for r in rs} == {runs[0].task_id})
results = call('get_results', answered, check=lambda rs: len(rs) > 0)
result = call('find_results', answered, id=results[0].id, check=lambda rs: [r.id for r in rs] == [results[0].id])[0]
result.info = {'verdict': 'yes'}
call('update_result', result, check=lambda r: r.info == {'verdict': 'yes'})
call('delete_taskrun', runs[-1].id, check=lambda done: done is True or done['status_code'] == 403)
call('delete_project', project.id, check=lambda done: done is True)
call('find_project', short_name=short_name, check=lambda ps: ps == [])

public = {name for name, _ in inspect.getmembers(pbclient, inspect.isfunction) if not name.startswith('_')} - {'set'}
tells('every function was called', public <= called, sorted(public - called))
