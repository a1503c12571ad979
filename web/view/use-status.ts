import { useEffect, useState } from 'preact/hooks';
import { isAbort } from '../api-error.ts';
import type { Model, Status } from '../client.ts';
import { client } from '../state/server-urls.ts';

/** The server status; requested again when `turn` changes. */
export function useStatus(turn: unknown): { status?: Status; model?: Model; fault?: unknown } {
  const [answer, setAnswer] = useState<{ status?: Status; model?: Model; fault?: unknown }>({});
  useEffect(() => {
    const controller = new AbortController();
    const { signal } = controller;
    Promise.all([client.status(signal), client.model(signal)]).then(
      ([status, model]) => setAnswer({ status, model }),
      (fault) => isAbort(fault) || setAnswer((before) => ({ ...before, fault })),
    );
    return () => controller.abort();
  }, [turn]);
  return answer;
}
