// The frame around the pages: who is signed in, where one is, how the connection stands.

import { useSignalEffect } from "@preact/signals";
import type { FunctionComponent, JSX } from "preact";
import { useErrorBoundary } from "preact/hooks";
import { key, signOut } from "./api/client.ts";
import { Connection } from "./parts/connection.tsx";
import { Link } from "./parts/link.tsx";
import { RangePicker } from "./parts/range_picker.tsx";
import { Failure, Nothing } from "./parts/states.tsx";
import { cut, visible } from "./parts/text.tsx";
import { Errors } from "./pages/errors.tsx";
import { Events } from "./pages/events.tsx";
import { EventTypes } from "./pages/event_types.tsx";
import { FunnelPage } from "./pages/funnel.tsx";
import { Overview } from "./pages/overview.tsx";
import { SessionPage } from "./pages/session.tsx";
import { SignIn } from "./pages/sign_in.tsx";
import { changed, go, link, one, place } from "./state/place.ts";
import { CHOICES, type Choice, choice } from "./state/theme.ts";
import { LOCAL, zone, ZONES } from "./state/zone.ts";

interface Page {
  path: string;
  title: string;
  page: FunctionComponent;
  /** Whether the range of time narrows what it shows at the moment. */
  isRanged(): boolean;
}

const PAGES: readonly Page[] = [
  { path: "/", title: "Overview", page: Overview, isRanged: () => true },
  { path: "/events", title: "Events", page: Events, isRanged: () => one("live") !== "1" },
  { path: "/session", title: "Sessions", page: SessionPage, isRanged: () => one("id") === null },
  { path: "/errors", title: "Errors", page: Errors, isRanged: () => one("error") === null },
  { path: "/event-types", title: "Event types", page: EventTypes, isRanged: () => one("name") !== null },
  { path: "/funnel", title: "Funnel", page: FunnelPage, isRanged: () => true },
];

export function App(): JSX.Element {
  const here = PAGES.find(({ path }) => path === place.value.path);
  useSignalEffect(() => {
    const page = PAGES.find(({ path }) => path === place.value.path)?.title ?? "Not found";
    const what = [one("id"), one("error"), one("category"), one("name")].filter((text) => text !== null).map((text) => visible(cut(text, 40)));
    document.title = [...what, page, "The Eye"].join(" · ");
  });
  if (key.value === null) return <SignIn />;
  return (
    <>
      <a class="skip" href="#main">
        To the content
      </a>
      <header>
        <Link class="brand" href={link("/")}>
          <img src="/assets/eye.svg" alt="" width="28" height="28" /> The Eye
        </Link>
        <nav aria-label="Pages">
          {PAGES.map(({ path, title }) => (
            <Link key={path} href={link(path)} {...(path === place.value.path ? { "aria-current": "page" as const } : {})}>
              {title}
            </Link>
          ))}
        </nav>
        <Preferences />
      </header>
      <Connection />
      <main id="main" tabIndex={-1}>
        {here === undefined ? (
          <Nothing title="There is no such page">
            <p>
              <Link href={link("/")}>Go to the overview</Link>
            </p>
          </Nothing>
        ) : (
          <>
            <div class="head">
              <h1 tabIndex={-1}>{here.title}</h1>
              {here.isRanged() && <RangePicker />}
            </div>
            <Guarded key={here.path} page={here.page} />
          </>
        )}
      </main>
    </>
  );
}

/** A page that fails says so, and the others go on. */
function Guarded({ page: Page }: { page: FunctionComponent }): JSX.Element {
  const [error, reset] = useErrorBoundary();
  return error === undefined ? <Page /> : <Failure error={error} again={reset} />;
}

function Preferences(): JSX.Element {
  return (
    <div class="preferences">
      <label>
        <span class="spoken">Time zone</span>
        <select value={zone.value} onChange={({ currentTarget: { value } }) => go(changed({ tz: value === LOCAL ? null : value }, true), "replace")}>
          {[...new Set([zone.value, ...ZONES])].map((name) => (
            <option value={name} key={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span class="spoken">Colours</span>
        <select
          value={choice.value}
          onChange={(event) => {
            choice.value = event.currentTarget.value as Choice;
          }}
        >
          {CHOICES.map((name) => (
            <option value={name} key={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <button type="button" onClick={() => signOut()}>
        Sign out
      </button>
    </div>
  );
}
