// Swagger UI, with what the page at /docs needs besides. Loaded after swagger-ui-bundle.js.

// Swagger UI has a dark mode, but asks for a class.
const dark = matchMedia("(prefers-color-scheme: dark)");
const paint = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", paint);
paint();

// The token is kept for the tab: it outlives a reload, and not the session.
// (`persistAuthorization` would leave it in localStorage for good.)
const KEPT = "balcao.authorized";
const keepToken = () => ({
  statePlugins: {
    auth: {
      wrapActions: {
        persistAuthorizationIfNeeded: (_, system) => () =>
          sessionStorage.setItem(KEPT, JSON.stringify(system.authSelectors.authorized())),
      },
    },
  },
});
const restoreToken = () => {
  const kept = sessionStorage.getItem(KEPT);
  if (kept) ui.authActions.restoreAuthorization({ authorized: JSON.parse(kept) });
};

// Whoever logs in on the page has pasted the token by that.
const SCHEME = "bearerAuth";
const takeToken = (response) => {
  const token = response.ok && response.url.endsWith("/auth/login") && response.body?.access_token;
  const schema = ui.specSelectors.securityDefinitions()?.get(SCHEME);
  if (token && schema)
    ui.authActions.authorizeWithPersistOption({ [SCHEME]: { name: SCHEME, schema, value: token } });
  return response;
};

// `#/tag/operation` is Swagger UI's, `#code` is a problem in the table below it.
const ownHashes = () => ({
  statePlugins: {
    layout: {
      wrapActions: {
        parseDeepLinkHash: (parse) => (hash) => hash.startsWith("#/") && parse(hash),
      },
    },
  },
});

const ui = SwaggerUIBundle({
  dom_id: "#swagger-ui",
  url: "/openapi.json",
  deepLinking: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  defaultModelExpandDepth: 3,
  validatorUrl: null, // it would be asked whether the document is valid
  syntaxHighlight: { theme: "monokai" }, // `agate`, the default, is hard to read in the dark
  plugins: [keepToken, ownHashes],
  responseInterceptor: takeToken,
  onComplete: restoreToken,
});
addEventListener("hashchange", () => ui.layoutActions.parseDeepLinkHash(location.hash));

// The table moves down while the UI above it is being drawn: the row that was asked for stays in
// view until somebody touches the page.
const hold = new ResizeObserver(() => {
  const id = decodeURIComponent(location.hash.slice(1));
  if (id && !id.startsWith("/")) document.getElementById(id)?.scrollIntoView();
});
hold.observe(document.getElementById("swagger-ui"));
for (const touch of ["wheel", "touchstart", "pointerdown", "keydown"])
  addEventListener(touch, () => hold.disconnect(), { once: true, passive: true });
