const {page, close} = await open();
await page.getByRole('status').getByText('healthy', {exact: true}).waitFor();
const dependencies = await page.getByRole('list', {name: 'Dependencies'}).getByRole('listitem').allTextContents();
assert.ok(dependencies.includes('database: sqlite up'), dependencies.join('\n'));
assert.match(await page.locator('#about').textContent(), /development · mock models · version \d/);

await page.context().setOffline(true);
await page.getByRole('status').getByText('unreachable', {exact: true}).waitFor();
await page.context().setOffline(false);
await page.getByRole('status').getByText('healthy', {exact: true}).waitFor();
await close(['ERR_INTERNET_DISCONNECTED']);
