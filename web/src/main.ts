import { render } from "lit-html";
import { App } from "./app";
import { alarmPage } from "./pages/alarm";
import { alarmsPage } from "./pages/alarms";
import { assetPage } from "./pages/asset";
import { demoPage } from "./pages/demo";
import { overviewPage } from "./pages/overview";
import { sourcesPage } from "./pages/sources";
import { parseRoute } from "./router";
import { listenForKeys } from "./parts/keys";
import { shell } from "./shell";
import "./style.css";

const root = document.getElementById("app");
if (!root) throw new Error("index.html has no element with the id `app`");

const app = new App(() => render(shell(app), root));

function open(): void {
  app.page?.leave?.();
  const route = parseRoute(location.hash);
  switch (route.page) {
    case "overview":
      app.page = overviewPage(app);
      break;
    case "asset":
      app.page = assetPage(app, route.asset, route.at, route.span);
      break;
    case "alarms":
      app.page = alarmsPage(app, route.state);
      break;
    case "alarm":
      app.page = alarmPage(app, route.id);
      break;
    case "sources":
      app.page = sourcesPage(app);
      break;
    case "demo":
      app.page = demoPage(app);
      break;
  }
  document.title = `${app.page.title} – Andon`;
  window.scrollTo(0, 0);
  app.drawNow();
}

window.addEventListener("hashchange", open);
listenForKeys(app);
open();
