const {readFileSync} = await import('node:fs');

const {page, askButton, complete, close} = await open({colorScheme: 'dark'});
const brightness = () => page.evaluate(() => {
  const channels = getComputedStyle(document.body).backgroundColor.match(/\d+/g).slice(0, 3).map(Number);
  return channels.reduce((sum, channel) => sum + channel, 0) / 3;
});
const dark = async () => assert.ok((await brightness()) < 64, `${await brightness()} is not dark`);
const light = async () => assert.ok((await brightness()) > 192, `${await brightness()} is not light`);
await dark();
await page.emulateMedia({colorScheme: 'light'});
await light();

// Chosen, it stays so, whatever the system says.
const theme = page.getByLabel('Colours');
await theme.selectOption('dark');
await dark();
await page.reload();
await dark();
await theme.selectOption('light');
await page.emulateMedia({colorScheme: 'dark'});
await light();
await theme.selectOption('as the system');
await dark();

// Whoever sees little, or nothing, can read it in both.
const axe = readFileSync('node_modules/axe-core/axe.min.js', 'utf8');
await askButton.click();
await complete();
for (const scheme of ['dark', 'light']) {
  await page.emulateMedia({colorScheme: scheme});
  await page.evaluate(axe);
  const {violations, passes} = await page.evaluate(() => axe.run());
  assert.deepEqual(violations.map(({id, nodes}) => [id, nodes.map(node => node.html)]), [], scheme);
  assert.ok(passes.some(({id}) => id === 'color-contrast'), 'contrasts were looked at');
}
await close();
