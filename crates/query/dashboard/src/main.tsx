import { render } from "preact";
import "./style/base.css";
import "./style/parts.css";
import "./style/pages.css";
import { App } from "./app.tsx";
import { listen } from "./state/place.ts";

listen();
const root = document.getElementById("app");
if (root !== null) render(<App />, root);
