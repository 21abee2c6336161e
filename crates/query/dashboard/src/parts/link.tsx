import type { ComponentChildren, JSX } from "preact";
import { go, place } from "../state/place.ts";

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
    const { path } = place.value;
    go(href);
    if (place.value.path === path && href.includes("#")) return;
    scrollTo(0, 0);
    // What was followed may be gone: whoever does not see it goes on at the beginning of what is new.
    requestAnimationFrame(() => {
      if (document.activeElement === document.body || place.value.path !== path) document.querySelector<HTMLElement>("h1")?.focus();
    });
  };
  return (
    <a href={href} onClick={follow} {...rest}>
      {children}
    </a>
  );
}
