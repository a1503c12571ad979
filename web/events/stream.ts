/** The state of the stream: open, broken off and being opened again, or not to be had from this server. */
export type StreamState = 'open' | 'lost' | 'none';

/** What a stream tells: its state whenever that changes, and each event's data. */
export type StreamMessage = { readonly state: StreamState } | { readonly data: string };

/** A server that is being replaced is asked again after this. */
const reconnectMs = 2000;

/** Opens the server-sent events at `url` and keeps them open; answers how to close them. */
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
      // Otherwise the browser connects again by itself.
      const isRefused = source.readyState === EventSource.CLOSED;
      // Refused for good: after a working connection the server is being replaced, otherwise it has no events.
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
