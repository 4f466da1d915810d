const {page, prompt, askButton, answer, complete, card, close} = await open();
await prompt.fill(process.env.QUESTION);
await askButton.click();

// One member has answered and is shown, while another is still at it and the rest has not begun.
await card('Initial responses', 'openai/quick (Response A)').getByText(/^quick answers: /).waitFor();
await card('Initial responses', 'openai/slow (Response B)').getByText('asked …').waitFor();
assert.equal(await page.getByRole('region', {name: 'Peer review and revision'}).count(), 0);
assert.equal(await answer.count(), 0);

// The answer can be read before it is whole.
await answer.getByText(/\w/).first().waitFor();
assert.equal(await page.getByText('The answer is complete.').count(), 0);
await complete();

const sections = await page.locator('#result > section > h2').allTextContents();
assert.deepEqual(sections, ['Initial responses', 'Peer review and revision', 'Synthesis', 'Answer']);
for (const stage of ['Initial responses', 'Peer review and revision']) {
  const texts = await page.getByRole('region', {name: stage}).locator('.text').allTextContents();
  assert.equal(texts.length, 3);
  assert.ok(texts.every(text => text.length > 20), texts.join('\n'));
}
const [first, second, third] = await Promise.all(
  (await page.getByRole('region', {name: 'Initial responses'}).getByRole('article').all()).map(each => each.boundingBox()),
);
assert.ok(first.y === second.y && second.y === third.y && first.x < second.x && second.x < third.x, 'they stand side by side');
await page.getByRole('region', {name: 'Initial responses'}).getByText(/^3 answered · .*\d+ tokens/).waitFor();

const notes = await page.getByRole('list', {name: 'About this answer'}).getByRole('listitem').allTextContents();
assert.match(notes[0], /^[\d,]+ tokens$/);
const first_answer = await answer.locator('.text').textContent();

// The same once more is remembered, and its stages are there all the same.
await askButton.click();
await page.getByText(/^remembered \(/).waitFor();
assert.equal(await page.locator('.members .text').count(), 6);
assert.equal(await answer.locator('.text').textContent(), first_answer);
console.log(JSON.stringify(first_answer));
await close();
