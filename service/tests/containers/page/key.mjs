const {page, context, askButton, alert, complete, close} = await open();
await askButton.click();
await alert.waitFor();
const key = page.getByLabel('API key or access token');
assert.ok(await key.evaluate(element => element === document.activeElement), 'the field for the key has the focus');
assert.equal(await key.getAttribute('type'), 'password');

await page.keyboard.type(process.env.KEY);
await page.keyboard.press('Enter');
assert.ok(await askButton.evaluate(element => element === document.activeElement));
await page.keyboard.press('Enter');
await complete();

// It outlives a reload of this tab, and nothing else.
const stores = await page.evaluate(() => [Object.values(sessionStorage), Object.values(localStorage), document.cookie]);
assert.deepEqual(stores, [[process.env.KEY], [], '']);
assert.ok(!(await page.content()).includes(process.env.KEY), 'the key is shown');
await page.reload();
await askButton.click();
await complete();
const other = await context.newPage();
await other.goto(url);
assert.equal(await other.evaluate(() => sessionStorage.length), 0);

await page.locator('#credential summary').click();
await page.getByRole('button', {name: 'Forget it'}).click();
assert.equal(await page.evaluate(() => sessionStorage.length), 0);
await askButton.click();
await alert.waitFor();
await close(['401']);
