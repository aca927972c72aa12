import { Router } from '@koa/router'
import {
  createCategory,
  deleteCategory,
  getCategory,
  listAllCategories,
  updateCategory,
} from '../../domain/categories/category-service.ts'
import type { Category, CountedCategory } from '../../domain/categories/category-service.ts'
import { mustBeAdmin } from '../../domain/users/user-policy.ts'
import { leaveFlash } from '../../http/flash.ts'
import { readForm } from '../../http/form.ts'
import { pathId } from '../../http/request-values.ts'
import type { Context, RequestState } from '../../http/state.ts'
import type { Views } from '../../http/views.ts'
import { proposedShortName } from '../../lib/short-name.ts'
import type { App } from '../../platform/app.ts'
import { orShowAgain } from './form-view.ts'
import type { FormView } from './form-view.ts'

const ADDRESS = '/admin/categories'
const EMPTY: FormView = { values: {}, errors: {} }

/** For admins: the categories that projects are in, under PyBossa's addresses. */
export function adminCategoryRoutes(app: App, views: Views): Router<RequestState> {
  const router = new Router<RequestState>({ prefix: ADDRESS })

  async function list(ctx: Context, form: FormView) {
    mustBeAdmin(ctx.state.viewer)
    const categories = await listAllCategories(ctx.state.db)
    views.render(ctx, 'pages/admin/categories.html', {
      categories: categories.map(row),
      n_projects_per_category: Object.fromEntries(
        categories.map(({ shortName, nPublished }) => [shortName, nPublished]),
      ),
      form,
    })
  }

  router.get('/', (ctx) => list(ctx, EMPTY))

  router.post('/', async (ctx) => {
    const values = await readForm(ctx)
    await orShowAgain(
      ctx,
      values,
      (form) => list(ctx, form),
      async () => {
        const { name } = await createCategory(ctx.state.db, ctx.state.viewer, categoryForm(values))
        leaveFlash(ctx, app, 'category-added', { category: name })
        ctx.redirect(ADDRESS)
      },
    )
  })

  async function edit(ctx: Context, form?: FormView) {
    mustBeAdmin(ctx.state.viewer)
    const category = await getCategory(ctx.state.db, pathId(ctx, 'id'))
    const { name, shortName, description } = category
    views.render(ctx, 'pages/admin/category.html', {
      category: pybossaCategory(category),
      form: form ?? { values: { name, shortName, description }, errors: {} },
    })
  }

  router.get('/update/:id', (ctx) => edit(ctx))

  router.post('/update/:id', async (ctx) => {
    const { db, viewer } = ctx.state
    mustBeAdmin(viewer)
    const category = await getCategory(db, pathId(ctx, 'id'))
    const values = await readForm(ctx)
    await orShowAgain(
      ctx,
      values,
      (form) => edit(ctx, form),
      async () => {
        const { name } = await updateCategory(db, viewer, category, categoryForm(values))
        leaveFlash(ctx, app, 'category-saved', { category: name })
        ctx.redirect(ADDRESS)
      },
    )
  })

  async function askToDelete(ctx: Context, form: FormView) {
    mustBeAdmin(ctx.state.viewer)
    const { db } = ctx.state
    const category = await getCategory(db, pathId(ctx, 'id'))
    const all = await listAllCategories(db)
    views.render(ctx, 'pages/admin/delete-category.html', {
      category: pybossaCategory(category),
      nProjects: all.find(({ id }) => id === category.id)?.nProjects ?? 0,
      others: all
        .filter(({ id }) => id !== category.id)
        .map(({ id, name }) => ({ value: String(id), label: name })),
      form,
    })
  }

  router.get('/del/:id', (ctx) => askToDelete(ctx, EMPTY))

  router.post('/del/:id', async (ctx) => {
    const { db, viewer } = ctx.state
    mustBeAdmin(viewer)
    const { id, name } = await getCategory(db, pathId(ctx, 'id'))
    const values = await readForm(ctx)
    const moveTo = /^\d{1,15}$/.test(values['moveTo'] ?? '') ? Number(values['moveTo']) : undefined
    await orShowAgain(
      ctx,
      values,
      (form) => askToDelete(ctx, form),
      async () => {
        await deleteCategory(db, viewer, id, moveTo)
        leaveFlash(ctx, app, 'category-deleted', { category: name })
        ctx.redirect(ADDRESS)
      },
    )
  })

  return router
}

/** A form as it was sent, by us or under PyBossa's names; without a short name it has the one that its name gives. */
function categoryForm(values: Record<string, string>) {
  const { name = '', description = '', shortName = values['short_name'] ?? '' } = values
  return {
    name: name.trim(),
    shortName: shortName.trim() || proposedShortName(name),
    description: description.trim(),
  }
}

function row({ id, name, shortName, description, nPublished, nProjects }: CountedCategory) {
  return { id, name, short_name: shortName, description, n_projects: nPublished, n_all: nProjects }
}

function pybossaCategory({ id, name, shortName, description, created, info }: Category) {
  return { id, name, short_name: shortName, description, created, info }
}
