import type { ComponentChildren, JSX } from "preact";
import { changed, one } from "../state/place.ts";
import type { Paged } from "../state/paged.ts";
import { pinned } from "../state/range.ts";
import { Link } from "./link.tsx";

/** Leads from one page of a list to others; what stands between is the page's own. */
export function PageLinks({ what, of, children }: { what: string; of: Paged<unknown>; children?: ComponentChildren }): JSX.Element {
  const next = of.page.next_cursor;
  return (
    <nav class="pages" aria-label={`Pages of ${what}`}>
      {one("cursor") !== null && <Link href={changed({ cursor: null })}>First page</Link>}
      {children}
      {next !== null && <Link href={changed({ ...pinned(of.within), cursor: next, event: null }, true)}>Next page</Link>}
    </nav>
  );
}
