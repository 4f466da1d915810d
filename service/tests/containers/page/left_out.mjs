const {page, askButton, complete, card, close} = await open();
const notes = () => page.getByRole('list', {name: 'About this answer'}).getByRole('listitem').allTextContents();
const has = (all, part) => assert.ok(all.some(note => note.startsWith(part)), `${part} is not in\n${all.join('\n')}`);
await askButton.click();
await complete();
await card('Initial responses', 'mock/unavailable (Response B)').getByText(/^failed, and left out: /).waitFor();
await card('Synthesis', 'mock/unavailable').getByText(/^failed, and left out: /).waitFor();
await page.getByRole('region', {name: 'Initial responses'}).getByText(/^2 answered · 1 left out/).waitFor();
has(await notes(), 'left out of initial responses: mock/unavailable (Response B)');
has(await notes(), 'left out of synthesis: mock/unavailable');
has(await notes(), 'written by mock/analyst');

// An answer that nobody joined, and that nobody can read again: no stand-in does both at once.
const usage = {input_tokens: 1200, output_tokens: 34};
const data = JSON.stringify({answer: 'Mine alone.', degraded: true, truncated: true, stored: false, cached: false, duration_ms: 1500, usage, cost: '0.0425', left_out: []});
await page.route('**/api/v1/analyses', route => route.fulfill({contentType: 'text/event-stream', body: `event: analysis.completed\ndata: ${data}\n\n`}));
await askButton.click();
await page.getByText('Mine alone.').waitFor();
for (const note of ['1,234 tokens', '1.5 s', '$0.0425', 'degraded', 'cut at its length', 'not stored']) has(await notes(), note);
await close();
