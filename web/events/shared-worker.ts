import { openStream, type StreamMessage, type StreamState } from './stream.ts';

/** Messages from a tab to the worker: reconnect, or stop listening. */
export type TabMessage = 'renew' | 'leave';

/** One stream for all listening tabs, opened only while there are any. The worker's name is the stream's address. */
const scope = self as unknown as { readonly name: string; onconnect: (event: MessageEvent) => void };
const tabs = new Set<MessagePort>();
let closeStream = () => {};
let state: StreamState | undefined;

function connect(): void {
  closeStream();
  state = undefined;
  closeStream = openStream(scope.name, tell);
}

function tell(message: StreamMessage): void {
  if ('state' in message) state = message.state;
  for (const tab of tabs) tab.postMessage(message);
}

scope.onconnect = ({ ports }) => {
  const tab = ports[0]!;
  tabs.add(tab);
  if (tabs.size === 1 || state === 'none') connect();
  else if (state !== undefined) tab.postMessage({ state } satisfies StreamMessage);
  tab.onmessage = ({ data }: MessageEvent<TabMessage>) => {
    if (data === 'renew') return connect();
    tabs.delete(tab);
    tab.close();
    if (tabs.size === 0) closeStream();
  };
};
