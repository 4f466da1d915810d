const {page, prompt, alert, complete, close} = await open();
const focused = () => page.evaluate(() => {
  const {outlineStyle, outlineWidth} = getComputedStyle(document.activeElement);
  assertVisible(outlineStyle, outlineWidth);
  return document.activeElement.id || document.activeElement.textContent;
  function assertVisible(style, width) {
    if (style === 'none' || parseFloat(width) < 2) throw new Error(`focus is not seen: ${document.activeElement.outerHTML}`);
  }
});
const order = [];
for (let step = 0; step < 5; step += 1) {
  await page.keyboard.press('Tab');
  order.push(await focused());
}
assert.deepEqual(order, ['theme', 'prompt', 'ask', 'cache', 'Key ']);

// Cancelled by keyboard, while a member is waited for.
await page.keyboard.press('Shift+Tab');
await page.keyboard.press('Space');
await page.keyboard.press('Shift+Tab');
await page.keyboard.press('Shift+Tab');
assert.equal(await focused(), 'prompt');
await page.keyboard.press('Control+A');
await page.keyboard.type('What is left of it?');
await page.keyboard.press('Control+Enter');
await page.getByText('asked …').first().waitFor();
await page.keyboard.press('Tab');
assert.equal(await focused(), 'ask');
await page.keyboard.press('Tab');
assert.equal(await focused(), 'cancel');
await page.keyboard.press('Enter');
await alert.getByText('The panel was told to stop.').waitFor();
assert.equal(await focused(), 'ask');
assert.equal(await page.getByRole('button', {name: 'Cancel'}).count(), 0);

// And by the key for it, from wherever one is.
await page.keyboard.press('Enter');
await page.getByText('asked …').first().waitFor();
await page.keyboard.press('Escape');
await alert.getByText('The panel was told to stop.').waitFor();

// Asked to the end, and read: long answers scroll, so they can be reached.
await prompt.focus();
await page.keyboard.press('Control+Enter');
await complete();
const reached = new Set();
for (let step = 0; step < 20; step += 1) {
  await page.keyboard.press('Tab');
  reached.add(await page.evaluate(() => document.activeElement.getAttribute('aria-label')));
}
assert.ok(reached.has('What openai/quick (Response A) says') && reached.has('What openai/slow (Response B) says'), [...reached].join('\n'));
await close();
