// What does somebody see whom the service does not know?
import {html, icon} from "./html.js";
import {t} from "./i18n.js";

export function SignIn() {
  const next = encodeURIComponent(location.pathname + location.search + location.hash);
  return html`<main class="sign-in" id="main" tabindex="-1">${icon("lock")}<h1>${t("sign_in.title")}</h1><p>${t("sign_in.help")}</p>
    <a class="button primary" href=${`/login?next=${next}`}>${t("sign_in.go")}</a></main>`;
}
