// The page: health at a glance, and a panel as it goes. No build, no dependency; everything that others wrote is put into
// the page as text.

const byId = id => document.getElementById(id);
const make = (tag, className = '', ...content) => {
  const element = Object.assign(document.createElement(tag), {className});
  element.append(...content);
  return element;
};
const count = (number, one, many = one + 's') => `${number.toLocaleString('en')} ${number === 1 ? one : many}`;
const took = ms => (ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`);
const money = cost => (cost !== undefined && Number(cost) > 0 ? [`$${cost}`] : []);
const tokens = usage => count(usage.input_tokens + usage.output_tokens, 'token');

/** The store of what outlives a reload; a browser that has none just forgets. */
const kept = (store, name) => ({
  get: () => { try { return store()[name] ?? ''; } catch { return ''; } },
  set: value => { try { if (value) store()[name] = value; else delete store()[name]; } catch { /* not kept */ } },
});

// ── Colours ──────────────────────────────────────────────────────────────────────────────────────────────────────────

const theme = kept(() => localStorage, 'ultra-theme');
const chooseTheme = scheme => { document.documentElement.style.colorScheme = scheme; };
byId('theme').value = theme.get() || 'light dark';
chooseTheme(byId('theme').value);
byId('theme').addEventListener('change', ({target}) => {
  chooseTheme(target.value);
  theme.set(target.value);
});

// ── Health ───────────────────────────────────────────────────────────────────────────────────────────────────────────

const HEALTH_EVERY_MS = 5000;
const HEALTH = {pass: 'healthy', warn: 'degraded', fail: 'unhealthy'};

async function showHealth() {
  let state = 'fail', word = 'unreachable', about = '', dependencies = [];
  try {
    const report = await (await fetch('/health', {signal: AbortSignal.timeout(HEALTH_EVERY_MS)})).json();
    [state, word] = [report.status, HEALTH[report.status] ?? report.status];
    about = [report.output, report.environment, `${report.mode} models`, `version ${report.version}`].filter(Boolean).join(' · ');
    dependencies = Object.entries(report.dependencies);
  } catch { /* it is unreachable */ }
  const status = byId('status');
  status.className = `dot ${state}`;
  // Said again only when it is another: it is read aloud.
  if (status.textContent !== word) status.textContent = word;
  byId('about').textContent = about;
  byId('dependencies').replaceChildren(
    ...dependencies.map(([name, {kind, status: is}]) => make('li', `dot ${is}`, `${name.replaceAll('_', ' ')}: ${kind.replaceAll('_', ' ')} ${is}`)),
  );
}

async function watchHealth() {
  if (document.visibilityState === 'visible') await showHealth();
  setTimeout(watchHealth, HEALTH_EVERY_MS);
}
document.addEventListener('visibilitychange', () => { if (document.visibilityState === 'visible') showHealth(); });

// ── The key ──────────────────────────────────────────────────────────────────────────────────────────────────────────

const storedKey = kept(() => sessionStorage, 'ultra-key');
let key = storedKey.get();

function useKey(value) {
  key = value.trim();
  storedKey.set(key);
  byId('key').value = '';
  byId('key-state').textContent = key ? `in use: ${key.slice(0, 6)}…` : '';
  byId('forget').hidden = !key;
}
useKey(key);
byId('forget').addEventListener('click', () => {
  useKey('');
  byId('key').focus();
});
byId('key-form').addEventListener('submit', event => {
  event.preventDefault();
  useKey(byId('key').value);
  byId('credential').open = false;
  byId('ask').focus();
});

function wantKey() {
  byId('credential').open = true;
  byId('key').focus();
}

// ── The stream ───────────────────────────────────────────────────────────────────────────────────────────────────────

/** Server-Sent Events of a body, by the rules of the WHATWG as far as this service needs them. */
async function* eventsOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = '', name = '', data = [];
  for (;;) {
    const {value, done} = await reader.read();
    if (done) return;
    buffer += value;
    for (let end; (end = buffer.indexOf('\n')) >= 0; ) {
      const line = buffer.slice(0, end).replace(/\r$/, '');
      buffer = buffer.slice(end + 1);
      const [, field, content] = /^([^:]*):? ?(.*)$/s.exec(line);
      if (field === 'event') name = content;
      else if (field === 'data') data.push(content);
      else if (line === '') {
        if (data.length) yield {name, data: JSON.parse(data.join('\n'))};
        [name, data] = ['', []];
      }
    }
  }
}

/** What a refusal says, whatever wrote it. */
async function problemOf(response) {
  const fallback = {title: response.statusText || 'Error', status: response.status, detail: `The answer is ${response.status}.`};
  const body = await response.json().catch(() => ({}));
  const seconds = Number(response.headers.get('retry-after'));
  return {...fallback, ...body, retryAfter: seconds > 0 ? seconds : undefined};
}

// ── What is seen of a panel ──────────────────────────────────────────────────────────────────────────────────────────

const STAGES = {
  initial_response: 'Initial responses',
  peer_review_and_revision: 'Peer review and revision',
  ultra_synthesis: 'Synthesis',
};
const titleOf = stage => STAGES[stage] ?? stage.replaceAll('_', ' ');
const memberName = ({model, label}) => (label ? `${model} (${label})` : model);

const progress = text => { byId('progress').textContent = text; };

class Panel {
  #stages = new Map();
  #members = new Map();
  #answer;
  ended = false;

  constructor(result) {
    this.result = result;
    result.replaceChildren();
  }

  #section(title, className = '') {
    const section = make('section', className, make('h2', '', title));
    section.setAttribute('aria-label', title);
    this.result.append(section);
    return section;
  }

  #stage(stage) {
    let shown = this.#stages.get(stage);
    if (!shown) {
      const section = this.#section(titleOf(stage), 'stage');
      const summary = make('small', 'soft');
      const members = make('div', 'members');
      section.append(summary, members);
      shown = {section, summary, members, asked: 0, answered: 0, failed: 0, tokens: 0};
      this.#stages.set(stage, shown);
    }
    return shown;
  }

  #member(data) {
    const name = `${data.stage}/${data.label}/${data.model}`;
    let shown = this.#members.get(name);
    if (!shown) {
      const title = make('h3', 'dot asked', memberName(data));
      const state = make('small', 'soft', 'asked …');
      const card = make('article', 'card', title, state);
      card.setAttribute('aria-label', memberName(data));
      shown = {title, state, card};
      this.#members.set(name, shown);
      this.#stage(data.stage).members.append(card);
    }
    return shown;
  }

  #answerText() {
    if (!this.#answer) {
      const section = this.#section('Answer');
      section.id = 'answer';
      const text = make('p', 'text', '');
      const card = make('div', 'card answer', text);
      section.append(card);
      this.#answer = {section, card, text, attempt: 1};
    }
    return this.#answer;
  }

  #tally(stage) {
    const {answered, failed, asked} = this.#stage(stage);
    const missing = failed ? `, ${failed} failed` : '';
    progress(`${titleOf(stage)}: ${answered} of ${asked} answered${missing}.`);
  }

  /** What a stage came to; time and money where the service tells them. */
  #stageEnded({stage, duration_ms: ms, cost}) {
    const {summary, answered, failed, tokens} = this.#stage(stage);
    const missing = failed ? [`${failed} left out`] : [];
    const time = ms > 0 ? [took(ms)] : [];
    summary.textContent = [`${answered} answered`, ...missing, ...time, count(tokens, 'token'), ...money(cost)].join(' · ');
  }

  #asked(data) {
    this.#member(data);
    this.#stage(data.stage).asked += 1;
    this.#tally(data.stage);
  }

  #answered(data) {
    const {title, state, card} = this.#member(data);
    title.className = 'dot done';
    const cut = data.truncated ? ['cut at its length'] : [];
    state.textContent = [took(data.duration_ms), tokens(data.usage), ...money(data.cost), ...cut].join(' · ');
    // The final answer stands in a place of its own.
    if (data.label) {
      const text = make('p', 'text', data.text);
      text.tabIndex = 0;
      text.setAttribute('role', 'group');
      text.setAttribute('aria-label', `What ${memberName(data)} says`);
      card.append(text);
    }
    const stage = this.#stage(data.stage);
    stage.answered += 1;
    stage.tokens += data.usage.input_tokens + data.usage.output_tokens;
    this.#tally(data.stage);
  }

  #failed(data) {
    const {title, state} = this.#member(data);
    title.className = 'dot failed';
    state.textContent = `${data.reason === 'late' ? 'late, and left out' : 'failed, and left out'}: ${data.detail}`;
    this.#stage(data.stage).failed += 1;
    this.#tally(data.stage);
  }

  #delta(data) {
    const answer = this.#answerText();
    if (answer.attempt !== data.attempt) {
      answer.attempt = data.attempt;
      answer.text.textContent = '';
    }
    if (answer.text.firstChild) answer.text.firstChild.appendData(data.text);
    else answer.text.append(data.text);
  }

  #skipped(data) {
    this.#stage(data.stage).section.append(make('p', 'soft', `Left out: ${data.detail}`));
  }

  #completed(data) {
    this.ended = true;
    // A remembered answer comes without the events of its making.
    for (const {stage, answers = []} of data.stages ?? []) {
      if (!this.#stages.has(stage)) for (const answer of answers) this.#answered({stage, ...answer});
    }
    for (const stage of data.stages ?? []) this.#stageEnded(stage);
    const {section, card, text} = this.#answerText();
    this.result.append(section);
    text.textContent = data.answer;
    const note = (content, className = '') => make('li', className, content);
    const notes = make('ul', 'notes');
    notes.setAttribute('aria-label', 'About this answer');
    notes.append(
      note(data.cached ? `remembered (${data.cache ?? 'cache'})` : tokens(data.usage)),
      note(took(data.duration_ms)),
      ...money(data.cost).map(cost => note(cost)),
      ...(data.synthesizer ? [note(`written by ${data.synthesizer}`)] : []),
      ...(data.chosen ? [note(`taken from ${memberName(data.chosen)}`)] : []),
      ...(data.members ?? []).filter(({agreement}) => typeof agreement === 'number').map(member =>
        note(`${memberName(member)} ${member.stance ?? 'agrees'}, ${Math.round(member.agreement * 100)} % in common`, member.stance === 'dissents' ? 'warn' : '')),
      ...(data.degraded ? [note('degraded: nobody could join the answers', 'warn')] : []),
      ...(data.truncated ? [note('cut at its length', 'warn')] : []),
      ...(data.stored ? [] : [note('not stored: it cannot be read again', 'warn')]),
      ...(data.left_out ?? []).map(out => note(`left out of ${titleOf(out.stage).toLowerCase()}: ${memberName(out)}, ${out.detail}`, 'warn')),
    );
    card.append(notes, ...verdictOf(data.verdict));
    progress('The answer is complete.');
  }

  show({name, data}) {
    const shown = {
      'stage.started': () => this.#stage(data.stage),
      'stage.completed': () => this.#stageEnded(data),
      'stage.skipped': () => this.#skipped(data),
      'model.started': () => this.#asked(data),
      'model.completed': () => this.#answered(data),
      'model.failed': () => this.#failed(data),
      'synthesis.delta': () => this.#delta(data),
      'analysis.completed': () => this.#completed(data),
      'analysis.failed': () => this.fail(data),
    };
    // Events of later versions are none of this page's business.
    shown[name]?.();
  }

  /** No answer, and why; with a way to ask again, once that makes sense. */
  fail(problem) {
    this.ended = true;
    for (const {title, state} of this.#members.values()) {
      if (title.classList.contains('asked')) [title.className, state.textContent] = ['dot', 'no longer waited for'];
    }
    const title = problem.title ?? 'No answer';
    const section = this.#section(title);
    const card = make('div', 'card trouble', make('p', '', problem.detail));
    card.setAttribute('role', 'alert');
    const list = (problem.errors ?? []).map(({pointer, detail}) => make('li', '', `${pointer || 'the request'}: ${detail}`));
    const out = (problem.left_out ?? []).map(one => make('li', '', `${memberName(one)}: ${one.detail}`));
    if (list.length + out.length) card.append(make('ul', '', ...list, ...out));
    if (problem.request_id) card.append(make('p', 'soft', make('small', '', `Request ${problem.request_id}`)));
    section.append(card);
    const again = make('button', 'plain', 'Ask again');
    again.type = 'button';
    again.addEventListener('click', ask);
    card.append(make('div', 'row', again));
    if (problem.retryAfter) waitWith(again, problem.retryAfter);
    progress(`${title}.`);
  }
}

/** Members' agreement in words, where the service tells it: lists of findings by their names. */
function verdictOf(verdict) {
  if (!verdict || typeof verdict !== 'object') return [];
  const textOf = finding => (typeof finding === 'string' ? finding : Object.values(finding ?? {}).flat().join(' · '));
  return Object.entries(verdict)
    .filter(([, findings]) => Array.isArray(findings) && findings.length)
    .map(([name, findings]) => {
      const title = name.replaceAll('_', ' ');
      return make('details', '', make('summary', '', `${title} (${findings.length})`), make('ul', '', ...findings.map(finding => make('li', '', textOf(finding)))));
    });
}

function waitWith(button, seconds) {
  const until = Date.now() + seconds * 1000;
  const tick = () => {
    const left = Math.ceil((until - Date.now()) / 1000);
    button.disabled = left > 0;
    button.textContent = left > 0 ? `Ask again in ${left} s` : 'Ask again';
    if (left > 0 && button.isConnected) setTimeout(tick, 250);
  };
  tick();
}

// ── Asking ───────────────────────────────────────────────────────────────────────────────────────────────────────────

let running;

async function ask() {
  if (running || !byId('form').reportValidity()) return;
  running = new AbortController();
  // Not disabled in earnest: whoever is on it by keyboard would be nowhere.
  byId('ask').setAttribute('aria-disabled', 'true');
  byId('cancel').hidden = false;
  progress('Asking the panel …');
  const panel = new Panel(byId('result'));
  if (document.activeElement === document.body) byId('cancel').focus();
  let refused;
  try {
    const response = await fetch('/api/v1/analyses', {
      method: 'POST',
      signal: running.signal,
      headers: {
        'content-type': 'application/json',
        accept: 'text/event-stream',
        ...(key ? {authorization: `Bearer ${key}`} : {}),
      },
      body: JSON.stringify({prompt: byId('prompt').value, options: {cache: byId('cache').checked, details: true}}),
    });
    if (response.ok) {
      for await (const event of eventsOf(response.body)) panel.show(event);
    } else {
      refused = await problemOf(response);
      panel.fail(refused);
    }
    if (!panel.ended) panel.fail({title: 'The answer broke off', detail: 'The stream ended before the answer was complete.'});
  } catch (error) {
    if (running.signal.aborted) panel.fail({title: 'Cancelled', detail: 'The panel was told to stop. What was used until then is used.'});
    else panel.fail({title: 'The answer broke off', detail: `The connection to the service is lost: ${error.message}`});
  } finally {
    running = undefined;
    byId('ask').removeAttribute('aria-disabled');
    // Whoever cancelled by keyboard goes on from where they are.
    if (document.activeElement === byId('cancel')) byId('ask').focus();
    byId('cancel').hidden = true;
  }
  if (refused?.status === 401) wantKey();
}

byId('form').addEventListener('submit', event => {
  event.preventDefault();
  ask();
});
byId('cancel').addEventListener('click', () => running?.abort());
document.addEventListener('keydown', event => {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && event.target === byId('prompt')) {
    event.preventDefault();
    ask();
  } else if (event.key === 'Escape') running?.abort();
});

watchHealth();
