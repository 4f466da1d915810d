const {page, prompt, askButton, alert, close} = await open();
await askButton.click();
await alert.getByText(/1 of the 2 models needed answered/).waitFor();
const left_out = await alert.getByRole('listitem').allTextContents();
assert.equal(left_out.length, 2, left_out.join('\n'));
assert.ok(left_out[0].startsWith('mock/unavailable') || left_out[1].startsWith('mock/unavailable'), left_out.join('\n'));
const request = await alert.getByText(/^Request /).textContent();

// Asking again takes the place of what failed.
await page.getByRole('button', {name: 'Ask again'}).click();
await page.getByText(request).waitFor({state: 'detached'});
await alert.getByText(/^Request /).waitFor();
assert.equal(await alert.count(), 1);

// What is wrong with a request is said where it is wrong.
await prompt.fill('€'.repeat(100_000));
await askButton.click();
await alert.getByText(/^\/prompt: /).waitFor();
await close(['422']);
