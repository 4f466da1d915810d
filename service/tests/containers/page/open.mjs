// What every test of the page begins with: a browser of its own, and an ear for what goes wrong in it.
import assert from 'node:assert/strict';
import {chromium} from 'playwright-core';

const url = process.env.URL;
const browser = await chromium.launch({executablePath: process.env.BROWSER});

/** A page of the service, in a context of its own. */
async function open(options = {}) {
  const context = await browser.newContext({viewport: {width: 1200, height: 900}, ...options});
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  const seen = {requests: [], complaints: []};
  page.on('request', request => seen.requests.push(request.url()));
  page.on('console', message => {
    if (['error', 'warning'].includes(message.type())) seen.complaints.push(message.text());
  });
  page.on('pageerror', error => seen.complaints.push(String(error)));
  await page.goto(url);
  return {
    page,
    context,
    prompt: page.getByLabel('Your question to the panel'),
    askButton: page.getByRole('button', {name: 'Ask the panel'}),
    alert: page.getByRole('alert'),
    answer: page.getByRole('region', {name: 'Answer', exact: true}),
    complete: () => page.getByText('The answer is complete.').waitFor(),
    card: (stage, member) => page.getByRole('region', {name: stage}).getByRole('article', {name: member}),
    /** Ends it: it asked nobody else, and the browser had nothing to complain of but what is expected. */
    async close(expected = []) {
      await context.close();
      const elsewhere = seen.requests.filter(request => new URL(request).origin !== new URL(url).origin);
      assert.deepEqual(elsewhere, []);
      assert.ok(seen.requests.length > 3, 'the page asked for its files');
      const complaints = seen.complaints.filter(text => !expected.some(part => text.includes(part)));
      assert.deepEqual(complaints, []);
    },
  };
}

/** Whether everything fits into the width of the window. */
async function fits(page) {
  const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(content <= window, `${content} px of content in ${window}`);
}
