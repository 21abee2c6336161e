import type { ComponentChildren, JSX } from "preact";
import { go } from "../state/place.ts";

interface Props {
  href: string;
  children?: ComponentChildren;
  class?: string;
  "aria-label"?: string;
  "aria-current"?: "page";
}

/** A link within the dashboard: followed without loading the page anew, and a link in all else (new tab, copy, keyboard). */
export function Link({ href, children, ...rest }: Props): JSX.Element {
  const follow = (event: MouseEvent): void => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(href);
    scrollTo(0, 0);
  };
  return (
    <a href={href} onClick={follow} {...rest}>
      {children}
    </a>
  );
}
