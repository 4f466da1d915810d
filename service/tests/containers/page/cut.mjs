const {page, askButton, alert, complete, card, close} = await open();
// A stream that ends after its first events: one member has not answered yet.
const begun = [
  ['stage.started', {stage: 'initial_response', models: ['mock/analyst']}],
  ['model.started', {stage: 'initial_response', label: 'Response A', model: 'mock/analyst'}],
];
const body = begun.map(([event, data]) => `event: ${event}\r\ndata: ${JSON.stringify(data)}\r\n\r\n`).join(': heartbeat\r\n\r\n');
await page.route('**/api/v1/analyses', route => route.fulfill({contentType: 'text/event-stream', body}));
await askButton.click();
await alert.getByText('The stream ended before the answer was complete.').waitFor();
await card('Initial responses', 'mock/analyst (Response A)').getByText('no longer waited for').waitFor();

// A connection that does not come about.
await page.route('**/api/v1/analyses', route => route.abort('connectionreset'));
await page.getByRole('button', {name: 'Ask again'}).click();
await alert.getByText(/^The connection to the service is lost/).waitFor();

// An answer that some proxy wrote.
await page.route('**/api/v1/analyses', route => route.fulfill({status: 502, contentType: 'text/html', body: '<h1>Bad gateway</h1>'}));
await page.getByRole('button', {name: 'Ask again'}).click();
await alert.getByText('The answer is 502.').waitFor();

await page.unrouteAll();
await page.getByRole('button', {name: 'Ask again'}).click();
await complete();
await close(['ERR_CONNECTION_RESET', '502']);
