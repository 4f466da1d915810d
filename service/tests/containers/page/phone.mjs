const {page, prompt, askButton, complete, card, close} = await open({
  viewport: {width: 320, height: 640}, deviceScaleFactor: 2, isMobile: true, hasTouch: true,
});
await page.getByText('healthy', {exact: true}).waitFor();
await fits(page);
for (const button of await page.getByRole('button').all()) {
  if (await button.isVisible()) assert.ok((await button.boundingBox()).height >= 44, await button.textContent());
}
// A word that has no end does not widen the page.
await prompt.fill(`What is ${'a'.repeat(300)}?`);
await askButton.tap();
await complete();
await fits(page);
const [first, second] = await Promise.all(
  ['mock/analyst (Response A)', 'mock/skeptic (Response B)'].map(member => card('Initial responses', member).boundingBox()),
);
assert.ok(second.y > first.y && second.x === first.x, 'they stand one below the other');
const size = await page.locator('.text').first().evaluate(element => parseFloat(getComputedStyle(element).fontSize));
assert.ok(size >= 16, `${size} px is small`);
await close();
