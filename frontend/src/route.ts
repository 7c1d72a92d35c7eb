// Where the page is: the URL's fragment, so that it works below any prefix. `#/pods/shop/api-1?range=6h`.

export interface Route {
  path: string[];
  params: URLSearchParams;
}

/** Parameters that stay when one goes to another page: what is looked at, and when. */
export const KEPT = ["cluster", "ns", "at", "range", "wall"];

export function parseRoute(fragment: string): Route {
  const [path = "", query = ""] = split(fragment.replace(/^#/, ""));
  return { path: path.split("/").filter(Boolean).map(decode), params: new URLSearchParams(query) };
}

/** The fragment of a page; `given` is added to what stays of `from`, and null takes something away. */
export function formatRoute(path: string[], from: URLSearchParams, given: Record<string, string | null> = {}): string {
  const params = new URLSearchParams();
  for (const key of KEPT) {
    const value = from.get(key);
    if (value !== null) params.set(key, value);
  }
  for (const [key, value] of Object.entries(given)) {
    if (value === null || value === "") params.delete(key);
    else params.set(key, value);
  }
  const query = params.toString();
  return `#/${path.map(encodeURIComponent).join("/")}${query ? `?${query}` : ""}`;
}

function split(text: string): [string, string] {
  const at = text.indexOf("?");
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
