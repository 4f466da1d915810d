const {writeFileSync} = await import('node:fs');

const looks = {
  'page-light': {colorScheme: 'light', viewport: {width: 1100, height: 900}},
  'page-dark': {colorScheme: 'dark', viewport: {width: 1100, height: 900}},
  'page-phone': {colorScheme: 'light', viewport: {width: 360, height: 720}, isMobile: true, hasTouch: true},
};
for (const [name, options] of Object.entries(looks)) {
  const {page, askButton, answer, complete, close} = await open(options);
  await page.getByText('healthy', {exact: true}).waitFor();
  await page.getByLabel('take a remembered answer').uncheck();
  await askButton.click();
  await complete();
  if (options.isMobile) await answer.scrollIntoViewIfNeeded();
  writeFileSync(`${process.env.IMAGES}/${name}.png`, await page.screenshot({fullPage: !options.isMobile}));
  await close();
}
