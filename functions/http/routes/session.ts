import { createRoute, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { deleteCookie, setCookie } from 'hono/cookie';
import { scopesWithoutKey, shownKey, unauthorized } from '../auth.ts';
import type { AppDeps, AppEnv } from '../deps.ts';
import { type App, json, problems } from '../openapi.ts';
import { noQuery } from '../schemas/common.ts';
import { SESSION_COOKIE } from '../session-cookie.ts';

const scope = z.enum(['read', 'write']);

const session = z
  .strictObject({
    scopes: z.array(scope).describe('What this caller may do with the key or session sent.'),
    needsKey: z.array(scope).describe('What requires a key.'),
  })
  .openapi('Session');

const tags = ['session'];
const request = { query: noQuery };

const getRoute = createRoute({
  method: 'get',
  path: '/session',
  tags,
  summary: 'What the caller may do',
  request,
  responses: { 200: json(session, 'Also without a key.'), ...problems() },
});

const postRoute = createRoute({
  method: 'post',
  path: '/session',
  tags,
  summary: 'Exchange a key for a session',
  description:
    'For browsers, which request pictures and event streams without headers: the key in Authorization or X-Api-Key ' +
    'becomes a cookie that no script can read and no other site can use. It ends with the browser or by DELETE.',
  security: [{ bearer: [] }, { apiKey: [] }],
  request,
  responses: { 200: json(session, 'The session is open; see Set-Cookie.'), ...problems(401) },
});

const deleteRoute = createRoute({
  method: 'delete',
  path: '/session',
  tags,
  summary: 'End the session',
  request,
  responses: { 204: { description: 'The session is closed.' }, ...problems() },
});

/** Registers the session of a browser. */
export function registerSession(app: App, deps: AppDeps): void {
  const open = scopesWithoutKey(deps.options);
  const needsKey = (['read', 'write'] as const).filter((one) => !open.includes(one));

  const described = (c: Context<AppEnv>) => {
    const key = c.get('apiKey');
    const own = key === null ? open : key.scope === 'write' ? (['read', 'write'] as const) : ['read' as const, ...open];
    return { scopes: [...new Set(own)], needsKey };
  };

  app.openapi(getRoute, (c) => c.json(described(c), 200));

  app.openapi(postRoute, async (c) => {
    const key = c.get('apiKey');
    if (key === null || shownKey(c) === null) throw unauthorized(c);
    setCookie(c, SESSION_COOKIE, await deps.sessions.open(key.name), cookieOptions(c, deps));
    return c.json(described(c), 200);
  });

  app.openapi(deleteRoute, (c) => {
    deleteCookie(c, SESSION_COOKIE, cookieOptions(c, deps));
    return c.body(null, 204);
  });
}

/** Without a path: the browser uses the request's own, which also works behind a proxy that strips a part of it. */
function cookieOptions(c: Context<AppEnv>, { local }: AppDeps) {
  const secure = !local || c.get('caller').scheme === 'https';
  return { path: undefined, httpOnly: true, sameSite: 'Strict', secure } as const;
}
