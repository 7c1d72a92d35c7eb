// What every page is given.
export interface PageProps {
  path: string[];
  params: URLSearchParams;
  turn: number;
  now: number;
}
