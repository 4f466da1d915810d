import OpenAI from 'openai';

const client = new OpenAI({maxRetries: 0});
const messages = [
  {role: 'system', content: 'Be brief.'},
  {role: 'user', content: process.env.QUESTION},
];

async function failure(kind, request, asked = client) {
  try {
    await asked.chat.completions.create({model: 'ultra', messages, ...request});
  } catch (error) {
    if (error instanceof kind) return error;
    throw error;
  }
  throw new Error(`no ${kind.name}`);
}

const whole = await client.chat.completions.create({model: 'ultra', messages});
const chunks = [];
const streaming = {model: 'mock/analyst', messages, stream: true, stream_options: {include_usage: true}};
for await (const chunk of await client.chat.completions.create(streaming)) chunks.push(chunk);

const models = [];
for await (const model of client.models.list()) models.push(model.id);

const stranger = new OpenAI({maxRetries: 0, apiKey: process.env.WRONG_KEY});
const missing = await failure(OpenAI.NotFoundError, {model: 'nobody'});
if (missing.code !== 'model_not_found') throw missing;
const refused = await failure(OpenAI.BadRequestError, {n: 2});
if (refused.param !== 'n') throw refused;

const stream = await client.chat.completions.create({model: 'mock/slow', messages, stream: true});
for await (const chunk of stream) {
  if (chunk.choices[0].delta.content) stream.controller.abort();
}

console.log(JSON.stringify({
  whole: whole.choices[0].message.content,
  finish: whole.choices[0].finish_reason,
  whole_tokens: whole.usage.total_tokens,
  streamed: chunks.map(chunk => chunk.choices[0]?.delta.content ?? '').join(''),
  streamed_tokens: chunks.at(-1).usage.total_tokens,
  models,
  model: (await client.models.retrieve('ultra')).id,
  missing: missing.status,
  locked_out: (await failure(OpenAI.AuthenticationError, {}, stranger)).status,
}));
