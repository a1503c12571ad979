/** State of the stream: open, reconnecting, or not offered by this server. */
export type StreamState = 'open' | 'lost' | 'none';

/** Stream messages: each change of state, and the data of each event. */
export type StreamMessage = { readonly state: StreamState } | { readonly data: string };

/** Wait before reconnecting to a server that is being replaced. */
const reconnectMs = 2000;

/** Opens the server-sent events at `url` and keeps them open. Returns a function that closes them. */
export function openStream(url: string, tell: (message: StreamMessage) => void): () => void {
  let source: EventSource;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let wasOpen = false;
  const open = () => {
    source = new EventSource(url);
    source.onopen = () => {
      wasOpen = true;
      tell({ state: 'open' });
    };
    source.onmessage = ({ data }) => tell({ data: String(data) });
    source.onerror = () => {
      // Otherwise the browser reconnects by itself.
      const isRefused = source.readyState === EventSource.CLOSED;
      // Final refusal: if the connection worked before, the server is being replaced; otherwise it offers no events.
      if (isRefused && wasOpen) timer = setTimeout(open, reconnectMs);
      tell({ state: isRefused && !wasOpen ? 'none' : 'lost' });
    };
  };
  open();
  return () => {
    clearTimeout(timer);
    source.close();
  };
}
