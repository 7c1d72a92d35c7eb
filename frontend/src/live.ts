// When to ask again: at each snapshot that the stream tells of; every 15 seconds where no stream comes through; never
// while the page is hidden, and once when it is seen again.
import { useEffect, useState } from "preact/hooks";

const POLL_MS = 15_000;
const AGAIN_MS = 5_000;

export interface Live {
  turn: number;
  connected: boolean;
}

export function useLive(frozen: boolean): Live {
  const [live, setLive] = useState<Live>({ turn: 0, connected: false });
  useEffect(() => {
    if (frozen) return undefined;
    let stream: EventSource | null = null;
    let timer = 0;
    const next = (): void => setLive((before) => ({ ...before, turn: before.turn + 1 }));
    const close = (): void => {
      stream?.close();
      stream = null;
      window.clearInterval(timer);
    };
    const open = (): void => {
      close();
      if (document.hidden) return;
      const made = new EventSource("api/v1/stream");
      stream = made;
      let heard = Date.now();
      made.addEventListener("snapshot", () => {
        heard = Date.now();
        setLive((before) => ({ turn: before.turn + 1, connected: true }));
      });
      made.addEventListener("error", () => setLive((before) => ({ ...before, connected: false })));
      timer = window.setInterval(() => {
        if (made.readyState === EventSource.CLOSED) open();
        if (Date.now() - heard > POLL_MS * 1.5) {
          heard = Date.now();
          next();
        }
      }, AGAIN_MS);
    };
    const look = (): void => {
      if (!document.hidden) next();
      open();
    };
    open();
    document.addEventListener("visibilitychange", look);
    return () => {
      document.removeEventListener("visibilitychange", look);
      close();
    };
  }, [frozen]);
  return live;
}

/** The time, each second: ages grow while nothing new comes. */
export function useNow(at: string | null): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now()), 5_000);
    return () => window.clearInterval(timer);
  }, []);
  return at ? Date.parse(at) : now;
}
