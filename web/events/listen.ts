import { addressOf } from '../state/server.ts';
import type { TabMessage } from './shared-worker.ts';
import { openStream, type StreamMessage } from './stream.ts';

/** A tab's share in the stream of events. */
export interface Listening {
  /** Connects anew: the network may have changed without the connection noticing. */
  renew(): void;
  stop(): void;
}

/**
 * Listens to the server's events through a worker that all tabs share: over HTTP/1.1 a browser opens six connections to
 * a server, and six streams would leave none for anything else. Browsers have shared workers over plain HTTP, too;
 * those without any (Chrome on Android) show one tab at a time, which has a stream of its own.
 */
export function listenToEvents(tell: (message: StreamMessage) => void): Listening {
  const url = addressOf('events');
  if (!('SharedWorker' in globalThis)) return listenAlone(url, tell);
  const worker = new SharedWorker(addressOf(document.documentElement.dataset.eventsWorker!), {
    type: 'module',
    name: url,
  });
  const say = (message: TabMessage) => worker.port.postMessage(message);
  let listening: Listening = { renew: () => say('renew'), stop: () => say('leave') };
  worker.port.onmessage = ({ data }: MessageEvent<StreamMessage>) => tell(data);
  // The worker of an older page may be gone from the server.
  worker.onerror = () => {
    listening = listenAlone(url, tell);
  };
  return { renew: () => listening.renew(), stop: () => listening.stop() };
}

function listenAlone(url: string, tell: (message: StreamMessage) => void): Listening {
  let close = openStream(url, tell);
  return {
    renew: () => {
      close();
      close = openStream(url, tell);
    },
    stop: () => close(),
  };
}
