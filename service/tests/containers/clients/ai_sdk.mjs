import {createOpenAICompatible} from '@ai-sdk/openai-compatible';
import {APICallError, generateText, streamText} from 'ai';

globalThis.AI_SDK_LOG_WARNINGS = false;
const provider = apiKey =>
  createOpenAICompatible({name: 'ultra', baseURL: process.env.OPENAI_BASE_URL, apiKey, includeUsage: true});
const ultra = provider(process.env.OPENAI_API_KEY);
const asking = (name, from = ultra) => ({
  model: from(name),
  instructions: 'Be brief.',
  prompt: process.env.QUESTION,
  maxRetries: 0,
});

async function failure(request) {
  try {
    await generateText(request);
  } catch (error) {
    if (APICallError.isInstance(error)) return error.statusCode;
    throw error;
  }
  throw new Error('no APICallError');
}

const whole = await generateText(asking('ultra'));
const stream = streamText(asking('mock/analyst'));
let streamed = '';
for await (const piece of stream.textStream) streamed += piece;

const leaving = new AbortController();
const left = streamText({...asking('mock/slow'), abortSignal: leaving.signal, onError: () => {}});
for await (const piece of left.textStream) if (piece) leaving.abort();

console.log(JSON.stringify({
  whole: whole.text,
  finish: whole.finishReason,
  whole_tokens: whole.usage.totalTokens,
  streamed,
  streamed_tokens: (await stream.usage).totalTokens,
  missing: await failure(asking('nobody')),
  locked_out: await failure(asking('ultra', provider(process.env.WRONG_KEY))),
}));
