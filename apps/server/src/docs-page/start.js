// Runs in the browser, after Swagger UI. It has a dark look of its own, under a class of the root element.
const dark = window.matchMedia('(prefers-color-scheme: dark)');
const followScheme = () => document.documentElement.classList.toggle('dark-mode', dark.matches);
followScheme();
dark.addEventListener('change', followScheme);

// Names for controls that have none, and a way into boxes that scroll, for people who use a keyboard or a screen reader.
const accessible = () => ({
  wrapComponents: {
    CloseIcon:
      (Original, { React }) =>
      (props) =>
        React.createElement('span', { role: 'img', 'aria-label': 'Close' }, React.createElement(Original, props)),
    TextArea:
      (Original, { React }) =>
      (props) =>
        React.createElement(Original, { 'aria-label': 'Body', ...props }),
    Button:
      (Original, { React }) =>
      ({ 'aria-label': _differsFromItsText, ...props }) =>
        React.createElement(Original, props),
    HighlightCode:
      (Original, { React }) =>
      (props) =>
        React.createElement('div', { className: 'scroller', role: 'group', 'aria-label': 'Text', tabIndex: 0 }, React.createElement(Original, props)),
  },
});

window.SwaggerUIBundle({
  dom_id: '#docs',
  url: new URL('openapi.json', document.baseURI).href,
  // A link inside the button that opens an operation could not be reached without a mouse.
  deepLinking: false,
  plugins: [accessible],
  defaultModelsExpandDepth: 0,
  displayOperationId: false,
  displayRequestDuration: true,
  syntaxHighlight: { theme: 'obsidian' },
  tryItOutEnabled: true,
  // Nothing is asked of anyone but this server, and what "Authorize" was told is forgotten with the page.
  validatorUrl: null,
  persistAuthorization: false,
});
