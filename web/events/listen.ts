import { addressOf } from '../state/server-urls.ts';
import type { TabMessage } from './shared-worker.ts';
import { openStream, type StreamMessage } from './stream.ts';

/** A tab's subscription to the event stream. */
export interface Listening {
  /** Reconnects, since a connection may not notice that the network changed. */
  renew(): void;
  stop(): void;
}

/**
 * Listens to the server's events through a worker shared by all tabs. Over HTTP/1.1 a browser opens at most six
 * connections to a server, so six streams would leave none for anything else. Shared workers also work over plain HTTP.
 * Browsers without them (Chrome on Android) show one tab at a time, and each tab opens its own stream.
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
  // The server may no longer have the worker of an older page.
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
